/* The ledger is one Secret: what anybody may make much of stands there up to a bound, and ends no agent. */
#include "real_stage.h"

loop *fake_loop;

#define NOW_US ((int64_t)1800000000 * 1000000)

enum { ORDERS = 1000, COMPOSED_EACH = 20, PODS = 20 };

static size_t composed(stage *t)
{
	buf out;

	buf_init(&out, LEDGER_BYTES_MAX);
	real_compose(t->real, S("w"), 1, &out);
	cr_assert(!out.over, "the ledger has grown past its maximum");
	size_t n = out.n;
	buf_done(&out);
	return n;
}

static bool order(stage *t, arena *a, int at, uint32_t n_pods, str *ret_why)
{
	placed_device d = {.uuid = S("G"), .class = S("h100-80g"), .memory_mib = 1};
	placed_pod *pods = ARENA_ARRAY(a, placed_pod, n_pods);
	cluster_order o = {.fence = S("1.1"), .tenant = S("acme"), .origin = S("api"), .placed = {pods, n_pods}};
	cluster_ref c = real_cluster(t->real);

	for (uint32_t i = 0; i < n_pods; i++)
		pods[i] = (placed_pod){.node = S("n"), .index = i, .devices = {&d, 1}};
	o.id = str_print(a, "plc_%d", at);
	return c.can->start(c.self, &o, NOW_US, ret_why);
}

Test(ledger_room, orders_past_it_are_refused_and_come_again_when_there_is_room)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	str word = STR_NONE;
	int n = 0;

	stage_open(&t, WAITING("new", "d", "", ASK("1", "1", "0"), ""));
	t.real->agent = NULL;
	node_tell(t.stock, NODE("n", CARD("G", "80000", "30000")));
	while (n < ORDERS && order(&t, a, n, PODS, &word))
		if (++n % COMPOSED_EACH == 0)
			(void)composed(&t);
	cr_expect(n > 100 && n < ORDERS, "%d", n);
	cr_expect(str_starts(word, S("too many placements")), STR_FMT, STR_ARG(word));
	size_t full = composed(&t);
	cr_expect_leq(full, (size_t)LEDGER_BYTES_MAX / 4 * 3);
	cr_expect(!ledger_fits(t.real, LEDGER_ASKED, 100) && ledger_fits(t.real, LEDGER_BIND, 100), "binds go on");
	for (int i = 0; i < 20; i++)
		works_drop(&t.real->works, works_find(&t.real->works, str_print(a, "plc_%d", i)));
	(void)composed(&t);
	cr_expect(order(&t, a, n, PODS, &word), STR_FMT, STR_ARG(word));
	stage_close(&t);
}

Test(ledger_room, one_order_that_no_ledger_holds_is_refused)
{
	AUTO_ARENA a = arena_new(64 << 20);
	stage t;
	str word = STR_NONE;
	placed_device d[64];
	placed_pod pods[200];

	stage_open(&t, WAITING("new", "d", "", ASK("1", "1", "0"), ""));
	t.real->agent = NULL;
	for (int i = 0; i < 64; i++)
		d[i] = (placed_device){.uuid = S("GPU-5f0c2b11-52a1-4f4e-9d1e-7a1f5f0c2b11"), .class = S("h100-80g")};
	for (int i = 0; i < 200; i++)
		pods[i] = (placed_pod){.node = S("n"), .index = i, .devices = {d, 64}};
	cluster_order o = {.id = S("plc_1"), .fence = S("1.1"), .tenant = S("acme"), .origin = S("api")};
	o.placed = (js_list){pods, 200};
	cluster_ref c = real_cluster(t.real);
	cr_expect(!c.can->start(c.self, &o, NOW_US, &word) && str_eq(word, S("it has too many pods")), STR_FMT,
		STR_ARG(word));
	(void)composed(&t);
	stage_close(&t);
}
