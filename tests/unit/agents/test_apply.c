#include "fixture.h"

#include "agents/cluster/apply.h"
#include "size.h"

enum { STEPS_MAX = 12 };

typedef struct step {
	wish q;             /* action: grant, revoke, forget, or a phase */
	const char *expect; /* "<deed> [<state>][ old <fence>]" */
} step;

typedef struct row {
	const char *rule;
	step steps[STEPS_MAX];
} row;

#define G0 "GPU-n1-0"
#define G1 "GPU-n1-1"
#define GRANT(id, fence, mib, milli)                                                                                   \
	{                                                                                                              \
		"grant", id, fence, "n1", G0, mib, milli, NULL, 0                                                      \
	}
/* Of a class whose compute the server promises twice. */
#define TWICE(id, milli)                                                                                               \
	{                                                                                                              \
		"grant", id, "1.1", "n1", G0, 1000, milli, NULL, 0, NULL, 0, 2000000                                   \
	}
/* Of the third node, whose devices are cut: the first by MIG, the second in a way that nobody here knows. */
#define CUT(id, uuid, profile, start, mib, milli)                                                                      \
	{                                                                                                              \
		"grant", id, "1.1", "n3", uuid, mib, milli, NULL, 0, profile, start                                    \
	}
#define REVOKE(id, fence)                                                                                              \
	{                                                                                                              \
		"revoke", id, fence, NULL, NULL, 0, 0, NULL, 0                                                         \
	}
#define FORGET(id, fence)                                                                                              \
	{                                                                                                              \
		"forget", id, fence, NULL, NULL, 0, 0, NULL, 0                                                         \
	}
#define PHASE(id, fence, phase)                                                                                        \
	{                                                                                                              \
		phase, id, fence, NULL, NULL, 0, 0, NULL, 0                                                            \
	}

static const row rows[] = {
	{"a grant that fits is accepted and started", {{GRANT("a", "1.1", 40000, 500), "start accepted"}}},
	{"a repeated grant of a known fence tells the present state",
		{{GRANT("a", "1.1", 40000, 500), "start accepted"}, {GRANT("a", "1.1", 40000, 500), "tell accepted"},
			{PHASE("a", "1.1", "running"), "tell running"},
			{GRANT("a", "1.1", 40000, 500), "tell running"}}},
	{"a refused grant stays refused when it is repeated, though it would fit now",
		{{GRANT("a", "1.1", 60000, 500), "start accepted"}, {GRANT("b", "1.1", 40000, 100), "tell refused"},
			{PHASE("a", "1.1", "done"), "tell done"}, {GRANT("b", "1.1", 40000, 100), "tell refused"},
			{GRANT("b", "1.2", 40000, 100), "start accepted"}}},
	{"memory over capacity is refused",
		{{GRANT("a", "1.1", 40000, 0), "start accepted"}, {GRANT("b", "1.1", 40001, 0), "tell refused"},
			{GRANT("c", "1.1", 40000, 0), "start accepted"}, {GRANT("d", "1.1", 1, 0), "tell refused"}}},
	{"compute over capacity is refused",
		{{GRANT("a", "1.1", 1000, 600), "start accepted"}, {GRANT("b", "1.1", 1000, 401), "tell refused"},
			{GRANT("c", "1.1", 1000, 400), "start accepted"}}},
	{"compute goes as far as the latest grant of the class says, and a second time no further",
		{{TWICE("a", 600), "start accepted"}, {TWICE("b", 900), "start accepted"},
			{TWICE("c", 501), "tell refused"}, {TWICE("d", 500), "start accepted"},
			{GRANT("e", "1.1", 1000, 1), "tell refused"}}},
	{"an exclusive slice takes no company",
		{{GRANT("a", "1.1", 1000, 1000), "start accepted"}, {GRANT("b", "1.1", 1000, 0), "tell refused"}}},
	{"a device or node that is not here is refused",
		{{{"grant", "a", "1.1", "n9", G0, 1, 0, NULL, 0}, "tell refused"},
			{{"grant", "b", "1.1", "n1", "GPU-n9-0", 1, 0, NULL, 0}, "tell refused"},
			{{"grant", "c", "1.1", "n1", "GPU-n2-0", 1, 0, NULL, 0}, "tell refused"},
			{{"grant", "d", "1.1", NULL, NULL, 0, 0, NULL, 0}, "tell refused"}}},
	{"a lower fence than the highest seen is ignored",
		{{GRANT("a", "1.5", 1000, 0), "start accepted"}, {GRANT("a", "1.4", 1000, 0), "none"},
			{REVOKE("a", "1.4"), "none"}, {FORGET("a", "1.4"), "none"},
			{GRANT("a", "0.9", 1000, 0), "none"}}},
	{"numbers of a fence are compared as numbers, the incarnation first",
		{{GRANT("a", "1.9", 1000, 0), "start accepted"}, {PHASE("a", "1.9", "done"), "tell done"},
			{GRANT("a", "1.10", 1000, 0), "start accepted"}, {PHASE("a", "1.10", "done"), "tell done"},
			{GRANT("a", "2.1", 1000, 0), "start accepted"}}},
	{"a higher fence stops what still runs under the lower one",
		{{GRANT("a", "1.1", 80000, 1000), "start accepted"},
			{GRANT("a", "1.2", 80000, 1000), "start accepted old 1.1"},
			{PHASE("a", "1.1", "stopped"), "none"}, {PHASE("a", "1.2", "running"), "tell running"}}},
	{"a revoke stops, and revoked follows when the cluster says so",
		{{GRANT("a", "1.1", 80000, 1000), "start accepted"}, {REVOKE("a", "1.1"), "stop revoking"},
			{REVOKE("a", "1.1"), "none"}, {GRANT("b", "1.1", 1, 0), "tell refused"},
			{PHASE("a", "1.1", "stopped"), "tell revoked"}, {REVOKE("a", "1.1"), "tell revoked"},
			{GRANT("b", "1.2", 1, 0), "start accepted"}}},
	{"a pod quicker than the order to stop is done",
		{{GRANT("a", "1.1", 1, 0), "start accepted"}, {REVOKE("a", "1.1"), "stop revoking"},
			{PHASE("a", "1.1", "done"), "tell done"}, {REVOKE("a", "1.1"), "tell done"}}},
	{"a revoke of something unknown is revoked",
		{{REVOKE("a", "1.3"), "tell revoked"}, {GRANT("a", "1.2", 1, 0), "none"},
			{GRANT("a", "1.3", 1, 0), "tell revoked"}}},
	{"a revoke of a refused grant is revoked",
		{{GRANT("a", "1.1", 90000, 0), "tell refused"}, {REVOKE("a", "1.1"), "tell revoked"}}},
	{"a revoke of a newer fence ends the older attempt too",
		{{GRANT("a", "1.1", 80000, 1000), "start accepted"}, {REVOKE("a", "1.2"), "tell revoked old 1.1"},
			{GRANT("b", "1.1", 80000, 1000), "start accepted"}}},
	{"forget lets go of what ended and of nothing else",
		{{FORGET("a", "1.1"), "none"}, {GRANT("a", "1.1", 1, 0), "start accepted"},
			{FORGET("a", "1.1"), "tell accepted"}, {PHASE("a", "1.1", "failed"), "tell failed"},
			{FORGET("a", "1.1"), "forget"}, {GRANT("a", "1.1", 1, 0), "start accepted"}}},
	{"news go forward only",
		{{GRANT("a", "1.1", 1, 0), "start accepted"}, {PHASE("a", "1.1", "running"), "tell running"},
			{PHASE("a", "1.1", "bound"), "none"}, {PHASE("a", "1.1", "done"), "tell done"},
			{PHASE("a", "1.1", "stopped"), "none"}, {PHASE("x", "1.1", "running"), "none"}}},
	{"an action of a newer server changes nothing",
		{{PHASE("a", "1.1", "adopt"), "none"}, {GRANT("a", "1.1", 1, 0), "start accepted"}}},
	{"amounts out of range are refused",
		{{GRANT("a", "1.1", -1, 0), "tell refused"}, {GRANT("b", "1.1", 1, -1), "tell refused"},
			{GRANT("c", "1.1", INT64_C(1) << 52, 0), "tell refused"}}},
	{"an empty name is refused", {{{"grant", "a", "1.1", "", G0, 1, 0, NULL, 0}, "tell refused"},
					     {{"grant", "b", "1.1", "n1", "", 1, 0, NULL, 0}, "tell refused"}}},
	{"an instance is booked at its place, once",
		{{CUT("a", "GPU-n3-0", "3g.40gb", 4, 40448, 428), "start accepted"},
			{CUT("b", "GPU-n3-0", "3g.40gb", 4, 40448, 428), "tell refused"},
			{CUT("c", "GPU-n3-0", "4g.40gb", 0, 40448, 571), "start accepted"},
			{PHASE("a", "1.1", "done"), "tell done"},
			{CUT("d", "GPU-n3-0", "3g.40gb", 4, 40448, 428), "start accepted"}}},
	{"an instance is refused where the geometry has no such place",
		{{CUT("a", "GPU-n3-0", "3g.40gb", 1, 40448, 428), "tell refused"},
			{CUT("b", "GPU-n3-0", "3g.40gb", 99, 40448, 428), "tell refused"},
			{CUT("c", "GPU-n3-0", "9g.90gb", 0, 1, 1), "tell refused"}}},
	{"a device that is cut takes no shares, and one that is shared no instances",
		{{CUT("a", "GPU-n3-0", NULL, 0, 1000, 100), "tell refused"},
			{{"grant", "b", "1.1", "n1", G0, 40448, 428, NULL, 0, "3g.40gb", 0}, "tell refused"}}},
	{"a device that is cut in a way that is not known takes nothing",
		{{CUT("a", "GPU-n3-1", "3g.40gb", 0, 40448, 428), "tell refused"},
			{CUT("b", "GPU-n3-1", NULL, 0, 1000, 100), "tell refused"}}},
	{"host resources alone are booked too", {{{"grant", "a", "1.1", "n1", NULL, 0, 0, NULL, 0}, "start accepted"}}},
};

static void book_load(book *b, arena *a)
{
	scene s;

	MUST(scene_read(S(SCENE("")), a, &s, &must));
	book_init(b);
	js_list nodes = scene_report(&s, a);
	for (uint32_t i = 0; i < nodes.n; i++)
		book_node_put(b, &((report_node *)nodes.v)[i]);
	report_device cut[] = {
		{.uuid = S("GPU-n3-0"), .class = S("h100-80g"), .memory_mib = 81559, .geometry = S("mig-h100-80g")},
		{.uuid = S("GPU-n3-1"), .class = S("h100-80g"), .memory_mib = 81559, .geometry = S("mig-of-later")}};
	cut[0].share_mode = cut[1].share_mode = S("instances");
	book_node_put(b,
		&(report_node){
			.name = S("n3"), .cpu_milli = 64000, .memory_mib = 500000, .pods = 110, .devices = {cut, 2}});
}

static bool phase_find(const char *name, cluster_phase *ret)
{
	static const char *const names[] = {"bound", "running", "done", "failed", "stopped"};

	for (int i = 0; i < 5; i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (cluster_phase)i;
			return true;
		}
	}
	return false;
}

static deed step_do(book *b, arena *a, const wish *q, int64_t now_us)
{
	cluster_phase phase;
	placement p;
	buf json;
	deed d;

	if (phase_find(q->action, &phase)) {
		cluster_pods pods = {
			.id = str_from(q->id), .fence = str_from(q->fence), .phase = phase, .at_us = now_us};
		return apply_phase(b, &pods);
	}
	buf_init(&json, 1 << 20);
	js_writer w = js_writer_on(&json);
	wish_write(&w, q);
	str text = str_dup(a, buf_str(&json));
	buf_done(&json);
	MUST(js_read_output(&placement_type, text, a, &p, &must));
	MUST(apply_change(b, str_from(q->action), &p, now_us, &d, &must));
	return d;
}

static const char *deed_print(const deed *d, char out[200])
{
	static const char *const kinds[] = {"none", "tell", "start", "stop", "forget"};
	bool has_state = d->kind == DEED_TELL || d->kind == DEED_START || d->kind == DEED_STOP;

	(void)snprintf(out, 200, "%s%s%s%s%s", kinds[d->kind], has_state ? " " : "",
		has_state ? lifecycle_name(d->h->state) : "", d->old_fence[0] ? " old " : "", d->old_fence);
	return out;
}

static void deed_finish(book *b, deed *d)
{
	if (d->kind == DEED_FORGET)
		book_drop(b, d->h);
}

Test(apply, each_order_is_answered_by_its_rule)
{
	for (size_t r = 0; r < sizeof(rows) / sizeof(*rows); r++) {
		arena *a = arena_new(0);
		char text[200];
		book b;
		book_load(&b, a);
		for (int i = 0; i < STEPS_MAX && rows[r].steps[i].expect; i++) {
			const step *s = &rows[r].steps[i];
			deed d = step_do(&b, a, &s->q, T0 + i);
			cr_expect_str_eq(deed_print(&d, text), s->expect, "%s, step %d: %s, expected %s", rows[r].rule,
				i + 1, text, s->expect);
			deed_finish(&b, &d);
		}
		book_done(&b);
		arena_end(a);
	}
}

Test(apply, ids_and_fences_out_of_form_change_nothing)
{
	static const wish bad[] = {GRANT("", "1.1", 1, 0), GRANT("a", "", 1, 0), GRANT("a", "1", 1, 0),
		GRANT("a", "1.", 1, 0), GRANT("a", ".1", 1, 0), GRANT("a", "1.-1", 1, 0), GRANT("a", "1.1.1", 1, 0),
		GRANT("a", "+1.1", 1, 0),
		GRANT("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "1.1", 1, 0)};
	arena *a = arena_new(0);
	book b;

	book_load(&b, a);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		placement p = {.id = str_from(bad[i].id), .fence = str_from(bad[i].fence)};
		fault f = {0};
		deed d;
		cr_expect_eq(apply_change(&b, S("grant"), &p, T0, &d, &f), ERR_BAD_FIELD, "row %zu", i);
		cr_expect_eq(b.by_id.n, 0u);
	}
	book_done(&b);
	arena_end(a);
}

Test(apply, a_node_that_closes_takes_nothing_new_and_keeps_what_it_has)
{
	arena *a = arena_new(0);
	report_device d = {.uuid = S(G0), .product = S("H100"), .class = S("h100-80g"), .memory_mib = 80000};
	report_node n = {.name = S("n1"), .cpu_milli = 64000, .memory_mib = 500000, .devices = {&d, 1}};
	wish first = GRANT("a", "1.1", 1000, 0), second = GRANT("b", "1.1", 1000, 0),
	     third = GRANT("c", "1.1", 1000, 0);
	deed got;
	book b;

	book_load(&b, a);
	got = step_do(&b, a, &first, T0);
	cr_expect_eq(got.kind, DEED_START);
	d.health = S("xid 79");
	book_node_put(&b, &n);
	got = step_do(&b, a, &second, T0);
	cr_expect_eq(got.h->state, LIFE_REFUSED);
	cr_expect_neq(got.h->reason[0], 0);
	cr_expect(book_find(&b, S("a"))->is_booked);
	d.health = STR_NONE;
	book_node_put(&b, &n);
	cr_expect_eq(fleet_device_find(&b.fleet, b.cluster, S(G1)), FLEET_NONE, "a device no longer named is gone");
	book_node_gone(&b, S("n1"));
	got = step_do(&b, a, &third, T0);
	cr_expect_eq(got.h->state, LIFE_REFUSED);
	cr_expect(strstr(got.h->reason, "n1"), "%s", got.h->reason);
	book_done(&b);
	arena_end(a);
}

static uint64_t next_random(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return *state >> 33;
}

/* What is booked is exactly what the live holdings say, and never more than there is. */
static void books_check(const book *b, uint64_t seed)
{
	int64_t booked = 0, used = 0;

	map_each (slot, &b->by_id) {
		const holding *h = slot->value;
		cr_assert_eq(h->is_booked, lifecycle_is_booked(h->state), "seed %llu", (unsigned long long)seed);
		for (uint32_t i = 0; i < h->plan.devices.n; i++)
			booked += h->plan.devices.v[i].memory_mib;
	}
	for (uint32_t i = 0; i < b->fleet.devices.n; i++) {
		used += b->fleet.devices.v[i].used_memory_mib;
		cr_assert(!fleet_device_is_over(&b->fleet, (int32_t)i), "seed %llu", (unsigned long long)seed);
	}
	cr_assert_eq(booked, used, "seed %llu", (unsigned long long)seed);
}

Test(apply, random_orders_never_overbook_and_a_repetition_changes_nothing)
{
	static const char *const actions[] = {
		"grant", "grant", "grant", "revoke", "forget", "bound", "running", "done", "failed", "stopped"};
	static const char *const uuids[] = {G0, G1, NULL};
	static const char *const ids[] = {"a", "b", "c", "d", "e", "f"};

	for (int64_t c = 0; c < size_get("PROPERTY_CASES") / 40; c++) {
		uint64_t seed = (uint64_t)c, state = seed;
		arena *a = arena_new(0);
		book b;
		book_load(&b, a);
		for (int i = 0; i < 60; i++) {
			char fence[16];
			(void)snprintf(fence, sizeof(fence), "1.%llu", (unsigned long long)next_random(&state) % 5);
			wish q = {actions[next_random(&state) % 10], ids[next_random(&state) % 6], fence, "n1",
				uuids[next_random(&state) % 3], (int64_t)(next_random(&state) % 50000),
				(int64_t)(next_random(&state) % 5) * 250, NULL, 0};
			deed d = step_do(&b, a, &q, T0 + i);
			deed_finish(&b, &d);
			books_check(&b, seed);
			if (d.kind == DEED_START || d.kind == DEED_STOP) {
				lifecycle before = d.h->state;
				deed again = step_do(&b, a, &q, T0 + i);
				cr_assert(again.kind == DEED_TELL || again.kind == DEED_NONE);
				cr_assert_eq(book_find(&b, str_from(q.id))->state, before);
			}
		}
		book_done(&b);
		arena_end(a);
	}
}
