#include "shim/lend.h"

static bool lend_active(const lend_share *s, int64_t now_ns, int64_t within_ns)
{
	return s->latest_ns > 0 && now_ns - s->latest_ns < within_ns;
}

static bool lend_is_high(const lend_share *s)
{
	return atomic_load(&s->limits->priority) == LIMITS_HIGH;
}

static uint32_t lend_share_milli(const lend_share *s)
{
	return atomic_load(&s->limits->devices[s->device].compute_milli);
}

static void lend_watch(const lend_share *list, unsigned count)
{
	bool any_low = false;
	for (unsigned i = 0; i < count; i++)
		any_low |= !lend_is_high(&list[i]);
	for (unsigned i = 0; i < count; i++)
		if (lend_is_high(&list[i]) && (atomic_load(&list[i].limits->watched) != 0) != any_low)
			limits_set_watched(list[i].limits, any_low);
}

static void lend_hold(const lend_share *list, unsigned count, int64_t now_ns)
{
	bool held = false;
	for (unsigned i = 0; i < count; i++)
		held |= lend_is_high(&list[i]) && lend_active(&list[i], now_ns, LEND_HOLD_NS);
	for (unsigned i = 0; i < count; i++) {
		bool low = held && !lend_is_high(&list[i]);
		if ((atomic_load(&list[i].limits->devices[list[i].device].hold) != 0) != low)
			limits_set_hold(list[i].limits, list[i].device, low);
	}
}

/* What those who are active leave of the device, split among those of them who borrow. */
static void lend_loans(const lend_share *list, unsigned count, int64_t now_ns)
{
	uint32_t used = 0, weight = 0;
	for (unsigned i = 0; i < count; i++) {
		if (!lend_active(&list[i], now_ns, LEND_IDLE_NS))
			continue;
		used += lend_share_milli(&list[i]);
		if (list[i].limits->flags & LIMITS_LEND)
			weight += lend_share_milli(&list[i]);
	}
	uint32_t idle = used < LIMITS_WHOLE ? LIMITS_WHOLE - used : 0;
	for (unsigned i = 0; i < count; i++) {
		bool borrows = (list[i].limits->flags & LIMITS_LEND) && lend_active(&list[i], now_ns, LEND_IDLE_NS);
		uint32_t lent =
			borrows && weight ? (uint32_t)((uint64_t)idle * lend_share_milli(&list[i]) / weight) : 0;
		if (atomic_load(&list[i].limits->devices[list[i].device].lent_milli) != lent)
			limits_set_lent(list[i].limits, list[i].device, lent);
	}
}

void lend_settle(const lend_share *list, unsigned count, int64_t now_ns)
{
	lend_watch(list, count);
	lend_hold(list, count, now_ns);
	lend_loans(list, count, now_ns);
}
