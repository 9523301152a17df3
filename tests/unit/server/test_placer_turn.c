/* A turn that is taken back leaves no trace: against a full description of the books before and after. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "engine/charge.h"
#include "engine/fleet.h"
#include "server/placer/body.h"
#include "server/placer/decide.h"
#include "server/placer/govern.h"
#include "server/placer/report.h"
#include "server/placer/rows.h"
#include "size.h"

enum { TURNS = 300, DESCRIPTION_MAX = 4 << 20 };

static uint64_t seed = 77;

static int pick(int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int)(seed % (uint64_t)n);
}

typedef struct stage {
	books b;
	turn t;
	head head;
	arena *a; /* of texts that outlive turns */
	int placed, reports;
	int64_t now_us;
} stage;

static sql_load_classes_row class_row(const char *name, int64_t memory_mib)
{
	return (sql_load_classes_row){.name = str_from(name),
		.model = str_from(name),
		.patterns = S("[]"),
		.memory_mib = memory_mib,
		.slots = 10,
		.compute_overcommit_ppm = 1000000};
}

static sql_load_tenants_row tenant_row(int32_t key, int32_t parent_key, const char *path)
{
	return (sql_load_tenants_row){.key = key,
		.parent_key = parent_key,
		.parent_key_null = !parent_key,
		.booked_parent_key_null = true,
		.path = str_from(path),
		.weight = 1000,
		.credits_limit_null = true,
		.reclaim_after_s_null = true,
		.reclaim_grace_s_null = true};
}

static void world(stage *s)
{
	sql_load_classes_row classes[] = {class_row("big", 80000), class_row("small", 40000)};
	const sql_load_tenants_row tenants[] = {
		tenant_row(1, 0, ""), tenant_row(2, 1, "a"), tenant_row(3, 2, "a/b"), tenant_row(4, 1, "c")};
	sql_load_quotas_row quotas[] = {{.tenant_key = 2, .model = S("big"), .limit_device_milli = 5000}};
	const sql_load_clusters_row clusters[] = {
		{.key = 1, .name = S("one"), .state = S("ready")}, {.key = 2, .name = S("two"), .state = S("ready")}};
	bool *nulls[] = {&quotas[0].guaranteed_device_milli_null, &quotas[0].guaranteed_memory_mib_null,
		&quotas[0].guaranteed_compute_milli_null, &quotas[0].limit_memory_mib_null,
		&quotas[0].limit_compute_milli_null, &quotas[0].lend_limit_device_milli_null,
		&quotas[0].lend_limit_memory_mib_null, &quotas[0].lend_limit_compute_milli_null,
		&quotas[0].borrow_limit_device_milli_null, &quotas[0].borrow_limit_memory_mib_null,
		&quotas[0].borrow_limit_compute_milli_null, &quotas[0].class_limit_device_milli_null,
		&quotas[0].class_limit_memory_mib_null, &quotas[0].class_limit_compute_milli_null};

	for (size_t i = 0; i < sizeof nulls / sizeof *nulls; i++)
		*nulls[i] = true;
	classes[0].share_modes = S("{\"rules\":\"nvidia-h100-80g\"}");
	govern_classes(&s->b, classes, 2);
	govern_tenants(&s->b, tenants, 4);
	govern_quotas(&s->b, quotas, 1);
	govern_clusters(&s->b, clusters, 2);
}

static sql_inbox_next_row row_of(stage *s, const char *kind, str object, str body, int64_t cluster)
{
	return (sql_inbox_next_row){.seq = ++s->reports,
		.kind = str_from(kind),
		.object_id = object,
		.tenant_key = 1,
		.cluster_key = cluster,
		.cluster_key_null = !cluster,
		.actor = S("tok_1"),
		.request_id = S("req"),
		.body = body,
		.at = s->now_us};
}

static void hear(stage *s, int cluster, const char *items)
{
	fault f = {0};
	sql_inbox_next_row row = row_of(s, "report", S("s:1"),
		str_print(s->t.a, "{\"session\":\"s\",\"seq\":1,\"items\":[%s]}", items), cluster);

	cr_assert_eq(report_apply(&s->t, &s->b, &row, &f), ERR_OK, "%s %s", f.pointer, f.detail);
}

static void stage_open(stage *s)
{
	*s = (stage){.now_us = 1000000, .a = arena_new(0)};
	books_init(&s->b);
	s->b.incarnation = 1;
	turn_init(&s->t);
	world(s);
	turn_begin(&s->t, s->now_us);
	for (int cluster = 1; cluster <= 2; cluster++)
		for (int n = 0; n < 3; n++)
			hear(s, cluster,
				str_z(s->t.a,
					str_print(s->t.a,
						"{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"n%d%d\",\"cpu_milli\":9000,\"memory_mib\":9000,\"devices\":["
						"{\"uuid\":\"u%d%d0\",\"index\":0,\"product\":\"\",\"class\":\"big\",\"memory_mib\":80000},"
						"{\"uuid\":\"u%d%d1\",\"index\":1,\"product\":\"\",\"class\":\"small\",\"memory_mib\":40000},"
						"{\"uuid\":\"u%d%d2\",\"index\":2,\"product\":\"\",\"class\":\"big\",\"memory_mib\":82000,\"share_mode\":\"instances\",\"geometry\":\"mig-h100-80g\"}]}]}",
						cluster, n, cluster, n, cluster, n, cluster, n)));
	turn_keep(&s->t, &s->b);
}

static void stage_close(stage *s)
{
	turn_done(&s->t);
	books_done(&s->b);
	arena_end(s->a);
}

static void describe_booking(const booking *k, buf *out)
{
	str behind = k->older ? k->older->id : STR_NONE, line = k->line ? k->line->payer->path : STR_NONE;

	buf_printf(out, "behind " STR_FMT " in " STR_FMT ": ", STR_ARG(behind), STR_ARG(line));
	buf_printf(out, STR_FMT " %s %lld.%lld at %d, %lld %lld %lld '" STR_FMT "' " STR_FMT " waits %d pods %u:",
		STR_ARG(k->id), lifecycle_name(k->now.life), (long long)k->now.fence_incarnation,
		(long long)k->now.fence_no, k->now.cluster_key, (long long)k->now.granted_at_us,
		(long long)k->now.running_at_us, (long long)k->now.ended_at_us, STR_ARG(k->now.reason),
		STR_ARG(k->now.placed), k->line != NULL, k->held.pods.n);
	for (uint32_t i = 0; i < k->held.devices.n; i++)
		buf_printf(out, " %d/%lld/%lld", k->held.devices.v[i].device,
			(long long)k->held.devices.v[i].memory_mib, (long long)k->held.devices.v[i].charge.v[0]);
	buf_add_char(out, '\n');
}

/* Everything that decides what happens next, as text. */
static void describe(stage *s, buf *out)
{
	const fleet *f = &s->b.fleet;

	buf_init(out, DESCRIPTION_MAX);
	for (uint32_t i = 0; i < f->nodes.n; i++)
		buf_printf(out, "node %u: %d %lld %lld idle %d free %lld\n", i, f->nodes.v[i].pods,
			(long long)f->nodes.v[i].used_cpu_milli, (long long)f->nodes.v[i].used_memory_mib,
			f->views.v[i].n_idle, (long long)f->views.v[i].free_device_milli);
	for (uint32_t i = 0; i < f->devices.n; i++)
		buf_printf(out, "device %u: %lld %lld %d %d, %u instances in %x%s\n", i,
			(long long)f->devices.v[i].used_memory_mib, (long long)f->devices.v[i].used_compute_milli,
			f->devices.v[i].sharers, f->devices.v[i].exclusive, f->devices.v[i].state.n,
			f->devices.v[i].state.occupied, f->devices.v[i].is_tangled ? " tangled" : "");
	for (int32_t t = 0; t < 4; t++)
		for (int32_t m = 0; m < quota_models(s->b.tree); m++) {
			amounts use = quota_used(s->b.tree, t, m), left = quota_balance(s->b.tree, t, m);
			buf_printf(out, "tenant %d %d: %lld %lld %lld, %lld\n", t, m, (long long)use.v[0],
				(long long)use.v[1], (long long)use.v[2], (long long)left.v[0]);
		}
	for (int32_t t = 0; t < 4; t++)
		buf_printf(out, "tenant %d: %lld MiB of a mode\n", t,
			(long long)quota_used(s->b.tree, t, charge_find(f, S("big.mig-3g.40gb"))).v[1]);
	for (int i = 1; i <= s->placed; i++) {
		char name[32];
		int n = snprintf(name, sizeof name, "plc_%d", i);
		booking *k = books_booking(&s->b, str_of(name, (size_t)n));
		if (k)
			describe_booking(k, out);
	}
	cr_assert(!out->over);
}

static str name_of(stage *s, int number)
{
	return str_print(s->a, "plc_%d", number);
}

static void move_place(stage *s, int *ret_new)
{
	static const char *const asks[] = {
		"{\"tenant\":\"a\",\"devices\":[{\"classes\":[\"big\"],\"memory_percent\":40}]}",
		"{\"tenant\":\"a\",\"devices\":[{\"classes\":[\"big\",\"small\"]}],\"host\":{\"cpu_milli\":2000}}",
		"{\"tenant\":\"a\",\"replicas\":2,\"devices\":[{\"memory_mib\":9000}]}",
		"{\"tenant\":\"a\",\"queue\":false,\"devices\":[{\"count\":2}]}",
		"{\"tenant\":\"a\",\"devices\":[{\"classes\":[\"big\"],\"mig_profile\":\"3g.40gb\"}]}",
		"{\"tenant\":\"a\",\"queue\":false,\"devices\":[{\"classes\":[\"big.mig-1g.10gb\"]},{\"mig_profile\":\"2g.20gb\"}]}",
	};
	sql_inbox_next_row row = row_of(s, "place", name_of(s, s->placed + ++*ret_new), str_from(asks[pick(6)]), 0);

	row.tenant_key = 2 + pick(3);
	decide_place(&s->t, &s->b, &row);
}

static void move_step(stage *s)
{
	static const char *const states[] = {
		"delivered", "accepted", "running", "done", "failed", "refused", "revoked"};
	booking *k = books_booking(&s->b, name_of(s, 1 + pick(s->placed + 1)));

	if (k && k->now.cluster_key)
		hear(s, k->now.cluster_key,
			str_z(s->t.a, str_print(s->t.a,
					      "{\"kind\":\"step\",\"placement\":\"" STR_FMT
					      "\",\"fence\":\"1.%lld\",\"state\":\"%s\"}",
					      STR_ARG(k->id), (long long)k->now.fence_no, states[pick(7)])));
}

static int play(stage *s)
{
	int fresh = 0;

	turn_begin(&s->t, s->now_us += 1000);
	for (int moves = 1 + pick(8); moves > 0; moves--) {
		int what = pick(10);
		sql_inbox_next_row release = row_of(s, "release", name_of(s, 1 + pick(s->placed + 1)), STR_NONE, 0);
		if (what < 4)
			move_place(s, &fresh);
		else if (what < 6)
			decide_release(&s->t, &s->b, &release);
		else
			move_step(s);
	}
	(void)decide_waiting(&s->t, &s->b);
	return fresh;
}

static void commit(stage *s)
{
	turn_rows *r = rows_build(&s->t, &s->b, &s->head);

	rows_keep(r);
	s->head = r->after;
	turn_keep(&s->t, &s->b);
}

Test(placer_turn, undone_leaves_no_trace)
{
	stage s;
	int undone = 0, kept = 0, cut = 0;

	stage_open(&s);
	for (int i = 0; i < TURNS; i++) {
		buf before, after;
		describe(&s, &before);
		int fresh = play(&s);
		if (pick(2)) {
			(void)rows_build(&s.t, &s.b, &s.head); /* changes nothing either */
			turn_undo(&s.t, &s.b);
			describe(&s, &after);
			cr_assert(str_eq(buf_str(&before), buf_str(&after)), "turn %d\n" STR_FMT "---\n" STR_FMT, i,
				STR_ARG(buf_str(&before)), STR_ARG(buf_str(&after)));
			buf_done(&after);
			undone++;
		} else {
			s.placed += fresh;
			commit(&s);
			kept++;
			vec_each (d, &s.b.fleet.devices)
				cut += d->state.n;
		}
		buf_done(&before);
	}
	cr_expect_gt(undone, TURNS / 4);
	cr_expect_gt(s.placed, kept);
	cr_expect_gt(cut, kept, "instances stand on most of the turns");
	cr_expect_gt(s.head.n, kept);
	stage_close(&s);
}

/* What is written by hand is what the type's table reads. */
Test(placer_turn, a_record_holds_the_placement_whole)
{
	stage s;
	buf out;
	placement told;
	fault f = {0};

	stage_open(&s);
	turn_begin(&s.t, s.now_us);
	sql_inbox_next_row row = row_of(&s, "place", name_of(&s, 1),
		S("{\"tenant\":\"a\",\"name\":\"job\",\"groups\":[{\"name\":\"w\",\"replicas\":2,\"devices\":[{\"classes\":[\"big\"],\"memory_mib\":70000,\"uuids_excluded\":[\"u102\",\"u112\"]}]}]}"),
		0);
	row.tenant_key = 3;
	decide_place(&s.t, &s.b, &row);
	booking *k = books_booking(&s.b, S("plc_1"));
	body_decision d = {.n = 7,
		.term = 2,
		.at_us = 5000000,
		.action = S("grant"),
		.actor = S("tok_1"),
		.told_key = 9,
		.told_rev = 4,
		.of = k,
		.tenant = S("a/b"),
		.cluster = S("one")};
	buf_init(&out, 1 << 20);
	body_write(&d, &out);
	str json = str_of(str_z(s.t.a, buf_str(&out)), out.n), mark = S("\"placement\":");
	cr_assert(str_starts(json,
		S("{\"n\":7,\"at\":\"1970-01-01T00:00:05.000Z\",\"term\":2,\"action\":\"grant\",\"actor\":\"tok_1\",\"tenant_key\":3,\"cluster_key\":9,\"cluster_rev\":4,\"placement\":{")));
	const char *at = strstr(json.p, mark.p);
	str whole = str_of(at + mark.n, json.n - 1 - (size_t)(at + mark.n - json.p));
	cr_assert_eq(js_read_output(&placement_type, whole, s.t.a, &told, &f), ERR_OK, "%s %s", f.pointer, f.detail);
	cr_expect(str_eq(told.id, S("plc_1")) && str_eq(told.tenant, S("a/b")) && str_eq(told.name, S("job")));
	cr_expect(str_eq(told.state, S("granted")) && str_eq(told.fence, S("1.1")) && str_eq(told.revision, S("p7")));
	cr_expect(str_eq(told.request.json, row.body));
	cr_assert_eq(told.placed.n, 2);
	const placed_pod *pod = told.placed.v;
	const placed_device *device = pod[1].devices.v;
	cr_expect(str_eq(pod[1].group, S("w")) && str_eq(pod[1].node, S("n11")) && pod[1].index == 1);
	cr_expect(str_eq(device->uuid, S("u110")) && str_eq(device->class, S("big")) && device->memory_mib == 70000);
	cr_expect_eq(told.granted_at.us, s.now_us);
	buf_done(&out);
	commit(&s);
	stage_close(&s);
}

/* A look again only when a blocker changed. */
Test(placer_turn, what_concerns_a_waiting_one)
{
	static const struct {
		booking_watch w;
		int what; /* 0 freed class 1 in cluster 2, 1 opened cluster 2, 2 tenant 3 fell, 3 anything */
		bool concerns;
	} rows[] = {
		{{2, 1, FLEET_NONE, WHEN_CAPACITY_FREES}, 0, true},
		{{FLEET_NONE, 1, FLEET_NONE, WHEN_CAPACITY_FREES}, 0, true},
		{{2, FLEET_NONE, FLEET_NONE, WHEN_CAPACITY_FREES}, 0, true},
		{{1, 1, FLEET_NONE, WHEN_CAPACITY_FREES}, 0, false},
		{{2, 0, FLEET_NONE, WHEN_CAPACITY_FREES}, 0, false},
		{{2, 1, FLEET_NONE, WHEN_CAPACITY_FREES}, 2, false},
		{{2, 1, FLEET_NONE, WHEN_OPENS}, 1, true},
		{{1, 1, FLEET_NONE, WHEN_OPENS}, 1, false},
		{{FLEET_NONE, 1, FLEET_NONE, WHEN_INVENTORY}, 1, true},
		{{FLEET_NONE, 1, 3, WHEN_USE_FALLS}, 2, true},
		{{FLEET_NONE, 1, 4, WHEN_USE_FALLS}, 2, false},
		{{FLEET_NONE, 1, 3, WHEN_USE_FALLS}, 0, false},
		{{1, 0, 9, WHEN_USE_FALLS}, 3, true},
	};

	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		changes c = {0};
		change_all(&c);
		booking_wait w = {.v = {rows[i].w}, .n = 1, .tried = c.count};
		cr_expect(!change_concerns(&c, &w), "%zu", i);
		if (rows[i].what == 0)
			change_freed(&c, 2, 1);
		else if (rows[i].what == 1)
			change_opened(&c, 2);
		else if (rows[i].what == 2)
			change_fell(&c, 3);
		else
			change_all(&c);
		cr_expect_eq(change_concerns(&c, &w), rows[i].concerns, "%zu", i);
		w.tried = c.count;
		cr_expect(!change_concerns(&c, &w), "%zu", i);
		changes_done(&c);
	}
}
