#include "agents/scheduling/pod_holds.h"
#include "agents/scheduling/pod_wants.h"
#include "cluster_fixture.h"
#include "plan_keys.h"

typedef struct stage {
	stock *stock;
	plan_keys keys, others;
	signing_key *key, *other;
	arena *a;
} stage;

static void stage_open(stage *t)
{
	*t = (stage){.stock = f2x2_new(), .a = arena_new(0)};
	t->key = plan_key_new(&t->keys);
	t->other = plan_key_new(&t->others);
	stock_trust(t->stock, t->keys.v[0]);
}

static void stage_close(stage *t)
{
	signing_key_close(t->key);
	signing_key_close(t->other);
	stock_free(t->stock);
	arena_end(t->a);
	arena_trim();
}

static str plan_of(stage *t, const signing_key *k, const char *uid, const char *node, int64_t mib, int64_t milli)
{
	plan_share s = {S("nvidia.com/gpu"), S("device2"), mib, milli, STR_NONE, 0};
	plan_container c = {S("c"), false, &s, 1};
	plan_record r = {.pod_uid = str_from(uid), .node = str_from(node), .placement = S("plc_1"), .fence = 1};
	str text;
	fault f = {0};

	r.containers = &c;
	r.n = 1;
	cr_assert_eq(plan_record_sign(&r, k, t->a, &text, &f), ERR_OK, "%s", f.detail);
	buf out;
	buf_init(&out, PLAN_BYTES_MAX);
	for (uint32_t i = 0; i < text.n; i++)
		buf_printf(&out, text.p[i] == '\n' ? "\\n" : "%c", text.p[i]);
	text = str_dup(t->a, buf_str(&out));
	buf_done(&out);
	return text;
}

static err tell(stage *t, str text, const char *allocated, const char *container)
{
	str note = text.p ? str_print(t->a, ",\"reeve.io/plan\":\"" STR_FMT "\"", STR_ARG(text)) : S("");

	return pod_tell(t->stock,
		str_z(t->a,
			str_print(t->a,
				"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u1\",\"resourceVersion\":\"1\",\"annotations\":{"
				"\"hami.io/vgpu-devices-allocated\":\"%s\"" STR_FMT
				"}},\"spec\":{\"nodeName\":\"node1\",\"containers\":[%s]},"
				"\"status\":{\"phase\":\"Running\"}}",
				allocated, STR_ARG(note), container)));
}

static const fleet_device *device(stage *t)
{
	fleet *f = stock_fleet(t->stock);

	return &f->devices.v[fleet_device_find(f, stock_cluster(t->stock), S("device2"))];
}

/* Who may edit a pod may edit its annotations. */
Test(holds, what_a_tenant_writes_on_its_pod_neither_frees_nor_closes_a_card)
{
	static const char *const patched[] = {"device2,NVIDIA,3000,30:;", "device2,NVIDIA,0,0:;",
		"device2,NVIDIA,2147483647,100:;", "device1,NVIDIA,3000,30:;", "device2,NVIDIA", ""};
	stage t;

	stage_open(&t);
	str text = plan_of(&t, t.key, "u1", "node1", 3000, 300);
	for (size_t i = 0; i < sizeof(patched) / sizeof(patched[0]); i++) {
		stock_pod_drop(t.stock, S("u1"));
		cr_expect_eq(tell(&t, text, patched[i], ASK("1", "3000", "30")), ERR_OK, "row %zu", i);
		cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000, "row %zu", i);
		cr_expect_eq(device(&t)->used_compute_milli, 300, "row %zu", i);
	}
	stage_close(&t);
}

Test(holds, a_plan_that_is_taken_off_a_pod_still_counts)
{
	stage t;

	stage_open(&t);
	str text = plan_of(&t, t.key, "u1", "node1", 3000, 300);
	cr_assert_eq(tell(&t, text, "", ASK("1", "3000", "30")), ERR_OK);
	cr_expect_eq(tell(&t, STR_NONE, "device2,NVIDIA,0,0:;", ASK("1", "3000", "30")), ERR_OK);
	cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000);
	str smaller = plan_of(&t, t.other, "u1", "node1", 1, 1);
	cr_expect_eq(tell(&t, smaller, "", ASK("1", "3000", "30")), ERR_OK);
	cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000);
	cr_expect_eq(tell(&t, text, "", ASK("1", "3000", "30")), ERR_OK);
	cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000);
	stage_close(&t);
}

Test(holds, a_plan_that_is_not_for_this_pod_here_by_our_key_is_none)
{
	static const struct {
		bool is_ours;
		const char *uid, *node;
	} rows[] = {{false, "u1", "node1"}, {true, "u2", "node1"}, {true, "u1", "node2"}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage t;
		stage_open(&t);
		str text = plan_of(&t, rows[i].is_ours ? t.key : t.other, rows[i].uid, rows[i].node, 1, 1);
		cr_expect_eq(tell(&t, text, "device2,NVIDIA,3000,30:;", ASK("1", "3000", "30")), ERR_OK);
		cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000, "row %zu", i);
		stage_close(&t);
	}
}

/* A plan says 1000 of a share without a cap; neighbours may stand beside it all the same. */
Test(holds, a_share_without_a_cap_takes_no_compute)
{
	static const struct {
		const char *container;
		int milli, used_milli;
	} rows[] = {
		{"{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"3000\"}}}",
			1000, 0},
		{ASK("1", "3000", "0"), 1000, 0},
		{ASK("1", "3000", "100"), 1000, 1000},
		{ASK("1", "3000", "30"), 300, 300},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage t;
		stage_open(&t);
		str text = plan_of(&t, t.key, "u1", "node1", 3000, rows[i].milli);
		cr_expect_eq(tell(&t, text, "", rows[i].container), ERR_OK);
		cr_expect_eq(device(&t)->used_compute_milli, rows[i].used_milli, "row %zu", i);
		stage_close(&t);
	}
}

/* A bound pod that the agent passed over would have its devices given out twice. */
Test(holds, annotations_that_nobody_reads_hide_no_pod)
{
	static char text[400 << 10];
	stage t;

	for (int row = 0; row < 3; row++) {
		size_t n = (size_t)snprintf(text, sizeof(text),
			"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u1\",\"resourceVersion\":\"1\","
			"\"annotations\":{");
		for (int i = 0; i < (row == 0 ? 20000 : 1); i++)
			n += (size_t)snprintf(
				text + n, sizeof(text) - n, "\"k%d\":\"%s\",", i, row == 1 ? "a\\u0000" : "");
		(void)snprintf(text + n, sizeof(text) - n,
			"\"hami.io/vgpu-devices-allocated\":\"device2,NVIDIA,3000,30:;\"}},\"spec\":{\"nodeName\":\"node1\","
			"\"containers\":[{\"name\":\"c\",\"env\":[{\"name\":\"A\",\"value\":\"%s\"}],\"resources\":{\"limits\":{"
			"\"nvidia.com/gpu\":\"1\"}}}]},\"status\":{\"phase\":\"Running\"}}",
			row == 2 ? "\\u0000" : "");
		stage_open(&t);
		cr_expect_eq(pod_tell(t.stock, text), ERR_OK, "row %d", row);
		cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000, "row %d", row);
		pod p;
		cr_assert_eq(pod_read(str_from(text), t.a, &p), ERR_OK);
		cr_expect_eq(pod_is_cut(&p), row > 0, "row %d", row);
		stage_close(&t);
	}
}

Test(holds, a_node_that_tells_of_another_ones_device_does_not_get_it)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	kube_node n;
	fault f = {0};

	stage_open(&t);
	fleet *all = stock_fleet(t.stock);
	int32_t was = device(&t)->node;
	cr_assert_eq(kube_node_read(
			     S(NODE("thief", CARD("device2", "8000", "10") "," CARD("device9", "8000", "10"))), a, &n),
		ERR_OK);
	stock_node_put(t.stock, &n, &f);
	cr_expect(strstr(f.detail, "device2 is told by another node"), "%s", f.detail);
	cr_expect_eq(device(&t)->node, was);
	cr_expect_neq(fleet_device_find(all, stock_cluster(t.stock), S("device9")), FLEET_NONE);
	stock_node_drop(t.stock, S("node1"));
	f = (fault){0};
	stock_node_put(t.stock, &n, &f);
	cr_expect_str_empty(f.detail);
	cr_expect_eq(
		device(&t)->node, fleet_node_find(all, stock_cluster(t.stock), S("thief")), "the other one has gone");
	stage_close(&t);
}

#define OLD_NODE(name, made, cards)                                                                                    \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"creationTimestamp\":\"" made                      \
	"\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/node-nvidia-register\":\"[" cards                     \
	"]\"}},\"status\":{\"capacity\":{\"nvidia.com/gpu\":\"20\"}}}"
#define BOTH CARD("device1", "8000", "10") "," CARD("device7", "8000", "10")

/* Each agent had its own first one: after a restart, the one whose name comes first. */
Test(holds, of_two_nodes_that_tell_of_one_device_the_elder_has_it_whichever_comes_first)
{
	static const char *const young = OLD_NODE("a", "2026-02-01T00:00:00Z", BOTH), *const old = OLD_NODE("b",
											      "2026-01-01T00:00:00Z",
											      CARD("device7", "8000",
												      "10"));

	for (int row = 0; row < 3; row++) {
		AUTO_ARENA a = arena_new(0);
		stock *s = stock_new();
		kube_node n;
		fault f = {0};
		bool is_used = row == 2;
		cr_assert_eq(kube_node_read(str_from(row ? young : old), a, &n), ERR_OK);
		stock_node_put(s, &n, &f);
		if (is_used)
			cr_assert_eq(pod_tell(s, RUNNING("p", "a", "device7,NVIDIA,2000,25:;", ASK("1", "2000", "25"))),
				ERR_OK);
		cr_assert_eq(kube_node_read(str_from(row ? old : young), a, &n), ERR_OK);
		stock_node_put(s, &n, &f);
		str at = stock_device_node(s, S("device7"));
		cr_expect(str_eq(at, is_used ? S("a") : S("b")), "row %d: " STR_FMT, row, STR_ARG(at));
		cr_expect(str_eq(stock_device_node(s, S("device1")), S("a")));
		cr_expect_eq(f.detail[0] != 0, row != 1, "row %d: %s", row, f.detail);
		cr_expect_eq(fleet_device_find(stock_fleet(s), stock_cluster(s), S("device8")), FLEET_NONE);
		stock_free(s);
	}
}

/* The same of what else a pod may say: the plan counts, and so does whatever can be read. */
Test(holds, a_bound_pod_is_known_whatever_else_it_says)
{
	static char text[1 << 20];
	static const struct {
		const char *spec, *amounts;
		int containers;
		bool is_short;
	} rows[] = {
		{"\"schedulerName\":\"a\\u0000\",", "", 1, false},
		{"", "\"other.io/x\":\"1e99\",", 1, true},
		{"", "\"other.io/x\":1e3,", 1, false},
		{"", "", 400, true},
		{"\"tolerations\":[{\"key\":\"\\u0000\"}],", "\"x\\u0000y\":\"1\",", 1, true},
	};
	stage t;

	for (size_t row = 0; row < sizeof(rows) / sizeof(rows[0]); row++) {
		stage_open(&t);
		str note = plan_of(&t, t.key, "u1", "node1", 3000, 300);
		size_t n = (size_t)snprintf(text, sizeof(text),
			"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u1\",\"resourceVersion\":\"1\","
			"\"annotations\":{\"reeve.io/plan\":\"" STR_FMT
			"\",\"hami.io/vgpu-devices-allocated\":\"device2,NVIDIA,0,0:;\"}},\"spec\":{\"nodeName\":\"node1\",%s"
			"\"containers\":[",
			STR_ARG(note), rows[row].spec);
		for (int i = 1; i < rows[row].containers; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n, "{\"name\":\"x%d\"},", i);
		(void)snprintf(text + n, sizeof(text) - n,
			"{\"name\":\"c\",\"resources\":{\"limits\":{%s\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"3k\"}}}]},"
			"\"status\":{\"phase\":\"Running\",\"conditions\":[{\"type\":\"\\u0000\"}]}}",
			rows[row].amounts);
		cr_expect_eq(pod_tell(t.stock, text), ERR_OK, "row %zu", row);
		cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000, "row %zu", row);
		pod p;
		cr_assert_eq(pod_read(str_from(text), t.a, &p), ERR_OK);
		cr_expect_eq(p.is_short, rows[row].is_short, "row %zu", row);
		stage_close(&t);
	}
}

/* What a pod asks for may be past what we count; what it was given by the plan is not its annotation's to say. */
Test(holds, a_plan_counts_though_more_containers_ask_than_we_count)
{
	static char text[64 << 10];
	stage t;

	stage_open(&t);
	str note = plan_of(&t, t.key, "u1", "node1", 3000, 300);
	size_t n = (size_t)snprintf(text, sizeof(text), "%s", ASK("1", "3000", "30"));
	for (int i = 0; i < POD_WANTS_MAX + 1; i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n,
			",{\"name\":\"x%d\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}", i);
	cr_expect_eq(tell(&t, note, "device2,NVIDIA,0,0:;", text), ERR_OK);
	cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000);
	stage_close(&t);
}

/* As the binder has it, behind the quotes of the pod's JSON. */
static str unescaped(str text, arena *a)
{
	buf out;

	buf_init(&out, PLAN_BYTES_MAX);
	for (uint32_t i = 0; i < text.n; i++) {
		bool is_line = text.p[i] == '\\';
		buf_add_char(&out, is_line ? '\n' : text.p[i]);
		i += is_line;
	}
	str plain = str_dup(a, buf_str(&out));
	buf_done(&out);
	return plain;
}

static void reserve(stage *t, const char *node, str vouched)
{
	stock_share s = {S("device2"), 1000, 100, 1};

	stock_pod_drop(t->stock, S("u1"));
	stock_reserve(t->stock, S("u1"), S("d"), str_from(node), &s, 1);
	stock_vouch(t->stock, S("u1"), unescaped(vouched, t->a));
}

/* What this process signed for a bind need not be checked when it is seen on the pod. The texts here are of a key that
 * nobody trusts, so that it shows which are checked. */
Test(holds, a_plan_that_was_signed_here_counts_on_its_own_pod_and_node_alone)
{
	stage t;

	stage_open(&t);
	str ours = plan_of(&t, t.other, "u1", "node1", 3000, 300),
	    more = plan_of(&t, t.other, "u1", "node1", 7000, 700);
	str there = plan_of(&t, t.other, "u1", "node2", 3000, 300),
	    others = plan_of(&t, t.other, "u2", "node1", 3000, 300);
	const struct {
		str vouched, seen;
		const char *node;
		int64_t free_mib;
	} rows[] = {
		{ours, ours, "node1", 5000},
		{ours, more, "node1", 6000},
		{ours, ours, "node2", 6000},
		{there, there, "node1", 6000},
		{others, others, "node1", 6000},
		{ours, STR_NONE, "node1", 6000},
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		reserve(&t, rows[i].node, rows[i].vouched);
		cr_expect_eq(tell(&t, rows[i].seen, "device2,NVIDIA,2000,20:;", ASK("1", "2000", "20")), ERR_OK);
		cr_expect_eq(fleet_free_memory_mib(device(&t)), rows[i].free_mib, "row %zu: %lld", i,
			(long long)fleet_free_memory_mib(device(&t)));
	}
	/* Seen once, it is as any other: it stays, and another needs a signature that holds. */
	reserve(&t, "node1", ours);
	cr_expect_eq(tell(&t, ours, "", ASK("1", "2000", "20")), ERR_OK);
	cr_expect_eq(tell(&t, more, "device2,NVIDIA,2000,20:;", ASK("1", "2000", "20")), ERR_OK);
	cr_expect_eq(fleet_free_memory_mib(device(&t)), 5000);
	stage_close(&t);
}
