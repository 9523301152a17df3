#include "shim/account.h"

#include "shim/gate.h"
#include "shim/tick.h"

#define ACCOUNT_DEBT_NS 2000000000 /* of waiting: beyond that a debt is forgiven */

uint32_t account_share(const self *s, unsigned device)
{
	const limits_device *l = &s->limits->devices[device];
	uint32_t share = atomic_load_explicit(&l->compute_milli, memory_order_relaxed);
	if (s->limits->flags & LIMITS_LEND)
		share += atomic_load_explicit(&l->lent_milli, memory_order_relaxed);
	return share < 1 ? 1 : share < LIMITS_WHOLE ? share : LIMITS_WHOLE;
}

static int64_t account_wait(int64_t ns, uint32_t share)
{
	return ns * LIMITS_WHOLE / share;
}

int64_t account_draw(self *s, unsigned device, int64_t ns)
{
	uint32_t share = account_share(s, device);
	if (share >= LIMITS_WHOLE)
		return 0;
	_Atomic int64_t *due = &s->books->devices[device].due_ns;
	int64_t now = tick_ns();
	int64_t before = atomic_load(due);
	int64_t from;
	do {
		from = before < now - GATE_BURST_NS ? now - GATE_BURST_NS : before;
		if (from > now + ACCOUNT_DEBT_NS)
			from = now + ACCOUNT_DEBT_NS;
		if (from > now)
			return from - now;
	} while (!atomic_compare_exchange_weak(due, &before, from + account_wait(ns, share)));
	return 0;
}

void account_correct(self *s, unsigned device, int64_t ns)
{
	uint32_t share = account_share(s, device);
	if (share < LIMITS_WHOLE)
		atomic_fetch_add(&s->books->devices[device].due_ns, account_wait(ns, share));
}

uint32_t account_trim(self *s, unsigned device)
{
	uint32_t told = atomic_load_explicit(&s->limits->devices[device].trim_milli, memory_order_relaxed);
	if (!told)
		told = atomic_load_explicit(&s->books->devices[device].trim_milli, memory_order_relaxed);
	return told < 300 ? (told ? 300 : 1000) : told > 4000 ? 4000 : told;
}
