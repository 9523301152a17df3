#include "shim/meter.h"

#include "shim/slice.h"
#include "shim/tick.h"

#define METER_SPAN_NS 500000000 /* between two comparisons */

void meter_add(self *s, unsigned device, int64_t ns)
{
	if (s->slot && ns > 0)
		atomic_fetch_add_explicit(&s->slot->device_ns[device], (uint64_t)ns, memory_order_relaxed);
}

/* Device time charged by all of the container. */
static uint64_t meter_sum(const books *b, unsigned device)
{
	uint64_t sum = 0;
	unsigned top = atomic_load(&b->top);
	for (unsigned i = 0; i < top && i < BOOKS_SLOTS; i++)
		if (atomic_load(&b->slots[i].owner))
			sum += atomic_load_explicit(&b->slots[i].device_ns[device], memory_order_relaxed);
	return sum;
}

/* What was charged is what costs said, untrimmed: so the wanted trim is what NVML saw in its place. A quarter of the
 * way each time, since NVML's span and ours do not begin and end together.
 */
static uint32_t meter_step(uint32_t trim, uint32_t busy_milli, uint64_t charged_milli)
{
	if (busy_milli < 30 || charged_milli < 30)
		return trim;
	int64_t wanted = (int64_t)busy_milli * 1000 / (int64_t)charged_milli;
	int64_t next = trim + (wanted - trim) / 4;
	return next < 300 ? 300 : next > 4000 ? 4000 : (uint32_t)next;
}

static void meter_compare(self *s, unsigned device, int64_t before, int64_t now)
{
	books_device *account = &s->books->devices[device];
	uint64_t sum = meter_sum(s->books, device);
	uint64_t last = atomic_exchange(&account->charged_ns, sum);
	uint32_t trim = atomic_load(&account->trim_milli);
	uint32_t busy_milli;
	if (!before || sum < last || !slice_busy(s, device, (uint64_t)(now - before), &busy_milli))
		return;
	uint64_t charged = (sum - last) * 1000 / (uint64_t)(now - before);
	atomic_store(&account->trim_milli, meter_step(trim ? trim : 1000, busy_milli, charged));
}

void meter_launched(self *s, unsigned device)
{
	if (!s->slot)
		return;
	int64_t now = tick_ns();
	_Atomic int64_t *at = &s->books->devices[device].trimmed_at_ns;
	int64_t before = atomic_load_explicit(at, memory_order_relaxed);
	atomic_store_explicit(&s->slot->launched_at_ns, (uint64_t)now, memory_order_relaxed);
	if (now - before > METER_SPAN_NS && atomic_compare_exchange_strong(at, &before, now))
		meter_compare(s, device, before, now);
}
