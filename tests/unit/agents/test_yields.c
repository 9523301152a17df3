/* A pod of high priority takes the place of others by their eviction; what they leave is nobody else's. */
#include "agents/cluster/agent_inside.h"
#include "agents/real/real_inside.h"
#include "fake_kube.h"
#include "yield_pods.h"

loop *fake_loop;

enum { EVICTIONS_MAX = 8 };
#define NOW_US ((int64_t)1800000000 * 1000000)
#define SPACE(name, tenant)                                                                                            \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"resourceVersion\":\"1\",\"annotations\":{"        \
	"\"reeve.io/tenant\":\"" tenant "\"}}}"

typedef struct stage {
	loop *loop;
	kube kube;
	stock *stock;
	budgets *budgets;
	spaces *spaces;
	mirror *mirror;
	signing_key *key;
	agent agent;
	real *real;
	extender *x;
	const char *pending; /* the one pod that waits */
	char key_path[64];
	char evicted[EVICTIONS_MAX][2048]; /* paths */
	int n_evicted, n_waits;
	long status; /* what an eviction is answered */
} stage;

static void list_answer(stage *t, kube_call *c)
{
	AUTO_ARENA a = arena_new(0);
	const char *items = strstr(c->path, "/namespaces")
				    ? SPACE("d", "acme") "," SPACE("e", "acme") "," SPACE("f", "other")
			    : strstr(c->path, "/pods") ? t->pending
						       : "";

	fake_answer(c, 200, str_print(a, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[%s]}", items));
}

static void serve(void *arg, kube_call *c)
{
	stage *t = arg;

	if (strstr(c->path, "/eviction")) {
		cr_assert_lt(t->n_evicted, EVICTIONS_MAX);
		(void)snprintf(t->evicted[t->n_evicted++], sizeof(t->evicted[0]), "%s", c->path);
		fake_answer(c, t->status, S("{}"));
	} else if (strcmp(c->q.method, "GET") != 0) {
		fake_answer(c, 201, S("{}"));
	} else if (!c->q.on_piece) {
		list_answer(t, c);
	}
}

static void on_listed(void *arg)
{
	stage *t = arg;

	if (--t->n_waits == 0)
		loop_stop(t->loop);
}

static void key_make(stage *t)
{
	fault f = {0};

	cr_assert(mkdtemp(t->key_path));
	(void)strncat(t->key_path, "/key", sizeof(t->key_path) - strlen(t->key_path) - 1);
	cr_assert_eq(signing_key_ensure(t->key_path, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(signing_key_open(t->key_path, &t->key, &f), ERR_OK, "%s", f.detail);
}

static real *real_made(stage *t)
{
	real_spec s = {.loop = t->loop, .kube = &t->kube, .stock = t->stock, .spaces = t->spaces, .key = t->key};

	s.cluster_uid = S("here");
	s.identity = "me";
	s.budgets = t->budgets;
	real *r = real_new(&s);
	real_mirror(r, t->mirror);
	waits_put(r, S("new"));
	r->agent = &t->agent;
	return r;
}

/* Devices alone count here, and what the gate keeps. */
static extender_pass look(void *arg, const pod *p, pod_ask *q, arena *a)
{
	(void)q;
	(void)a;
	return (extender_pass){.kept = yields_kept(((stage *)arg)->real, p->meta.uid)};
}

static void full(void *arg, const pod *p, const int32_t *nodes, uint32_t n)
{
	yields_full(((stage *)arg)->real, p, nodes, n);
}

static void stage_open(stage *t, const char *pending)
{
	*t = (stage){.loop = loop_new(), .stock = card_new(), .pending = pending, .status = 201, .n_waits = 2};
	(void)snprintf(t->key_path, sizeof(t->key_path), "/tmp/reeve-yields-XXXXXX");
	key_make(t);
	fake_loop = t->loop;
	t->budgets = budgets_new();
	budgets_known(t->budgets);
	t->kube = (kube){.loop = t->loop, .on_call = serve, .arg = t};
	t->spaces = spaces_open(&(spaces_spec){t->loop, &t->kube, on_listed, t});
	t->mirror = mirror_open(
		&(mirror_spec){.loop = t->loop, .kube = &t->kube, .stock = t->stock, .on_ready = on_listed, .arg = t});
	loop_run(t->loop);
	cr_assert(mirror_waiting(t->mirror, S("new")).p);
	t->real = real_made(t);
	t->x = extender_new(&(extender_spec){.stock = t->stock, .gate = {look, full, t}});
}

static void turn(stage *t)
{
	loop_timer *end = loop_timer_new(t->loop, (void (*)(void *))loop_stop, t->loop);

	loop_timer_arm(end, 2000);
	loop_run(t->loop);
	loop_timer_free(end);
}

static void stage_close(stage *t)
{
	t->real->agent = NULL;
	extender_free(t->x);
	real_free(t->real);
	mirror_close(t->mirror);
	spaces_close(t->spaces);
	turn(t);
	budgets_free(t->budgets);
	signing_key_close(t->key);
	loop_free(t->loop);
	stock_free(t->stock);
	fake_free(&t->kube);
	(void)remove(t->key_path);
	*strrchr(t->key_path, '/') = '\0';
	(void)remove(t->key_path);
	arena_trim();
}

static bool passes(stage *t, const char *text)
{
	AUTO_ARENA a = arena_new(0);
	buf out;

	buf_init(&out, 1 << 16);
	extender_filter(t->x, str_print(a, "{\"Pod\":%s,\"NodeNames\":[\"n\"]}", text), &out);
	bool is = str_starts(buf_str(&out), S("{\"NodeNames\":[\"n\"]"));
	buf_done(&out);
	return is;
}

/* As the scan of waiting pods does. */
static void waits_turn(stage *t, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	pod_ask *q = ARENA_NEW(a, pod_ask);
	pod p;

	cr_assert_eq(pod_read(mirror_waiting(t->mirror, S("new")), a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, t->stock, (pod_policies){0}, a, q, NULL), ERR_OK);
	yields_look(t->real, map_find(&t->real->waits, S("new")), &p, q, now_us, a);
	turn(t);
}

#define NEW(spec, memory, status) WAITING("new", "d", spec, ASK("1", memory, "10"), status)
#define URGENT(memory)            NEW("\"priority\":10,", memory, "")
#define LATE(memory)              WAITING("late", "d", "\"priority\":10,", ASK("1", memory, "10"), "")

Test(yields, memory_alone_makes_the_least_important_go_and_keeps_what_they_leave)
{
	stage t;

	stage_open(&t, URGENT("5000"));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "e", "1", "6000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "2000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_assert_eq(t.n_evicted, 1);
	cr_expect_str_eq(t.evicted[0], "/api/v1/namespaces/e/pods/low/eviction");
	cr_expect_not(passes(&t, t.pending), "it has not gone yet");
	stock_pod_drop(t.stock, S("low"));
	cr_expect_not(passes(&t, LATE("2000")), "what it left is kept");
	cr_expect(passes(&t, LATE("1000")), "the rest is free");
	cr_expect(passes(&t, t.pending));
	yields_sweep(t.real, NOW_US + 60000000);
	turn(&t);
	cr_expect_eq(t.n_evicted, 1, "nobody else goes");
	yields_lift(t.real, S("new"));
	cr_expect(passes(&t, LATE("2000")), "a bind takes its place");
	yields_back(t.real, S("new"));
	cr_expect_not(passes(&t, LATE("2000")), "it failed");
	waits_drop(t.real, S("new"));
	cr_expect(passes(&t, LATE("2000")), "it started, or has given up");
	stage_close(&t);
}

Test(yields, nobody_goes_twice_and_a_grace_is_waited_for)
{
	stage t;

	stage_open(&t, URGENT("8000"));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "4000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "4000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 1, "the first shows whether any may go");
	yields_sweep(t.real, NOW_US + 1000000);
	turn(&t);
	cr_expect_eq(t.n_evicted, 2);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US + 2000000);
	yields_sweep(t.real, NOW_US + 30000000);
	turn(&t);
	cr_expect_eq(t.n_evicted, 2);
	cr_expect_not(passes(&t, LATE("1")));
	yields_sweep(t.real, NOW_US + (int64_t)700 * 1000000);
	cr_expect_eq(t.real->yields.n, 0, "it is not kept for ever");
	stage_close(&t);
}

Test(yields, a_budget_that_forbids_it_ends_it)
{
	stage t;

	stage_open(&t, URGENT("8000"));
	t.status = 429;
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "4000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "2000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 1);
	cr_expect_eq(t.real->yields.n, 0);
	cr_expect(passes(&t, LATE("2000")), "nothing is kept");
	stage_close(&t);
}

Test(yields, only_to_who_asks_for_it_and_only_within_a_tenant)
{
	static const struct {
		const char *pending, *running;
	} rows[] = {
		{NEW("\"priority\":10,\"preemptionPolicy\":\"Never\",", "5000", ""),
			HELD("low", "d", "1", "6000,10", "")},
		{URGENT("5000"), HELD("low", "f", "1", "6000,10", "")},
		{URGENT("5000"), HELD("low", "unknown", "1", "6000,10", "")},
		{URGENT("5000"), HELD("same", "d", "10", "6000,10", "")},
		{URGENT("9000"), HELD("low", "d", "1", "6000,10", "")},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage t;
		stage_open(&t, rows[i].pending);
		cr_assert_eq(pod_tell(t.stock, rows[i].running), ERR_OK);
		cr_expect_not(passes(&t, t.pending));
		waits_turn(&t, NOW_US);
		cr_expect_eq(t.n_evicted, 0, "row %zu", i);
		cr_expect_eq(t.real->yields.n, 0, "row %zu", i);
		stage_close(&t);
	}
}

Test(yields, what_the_schedulers_victims_leave_is_kept_too)
{
	stage t;

	stage_open(&t, NEW("\"priority\":10,", "5000", "\"nominatedNodeName\":\"n\","));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "6000,10", LEAVING)), ERR_OK);
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 0);
	stock_pod_drop(t.stock, S("low"));
	cr_expect_not(passes(&t, LATE("4000")));
	cr_expect(passes(&t, t.pending));
	stage_close(&t);
}

Test(yields, the_next_agent_goes_on_with_it)
{
	stage t;

	stage_open(&t, URGENT("8000"));
	cr_assert_eq(pod_tell(t.stock, HELD("low", "d", "1", "4000,10", "")), ERR_OK);
	cr_assert_eq(pod_tell(t.stock, HELD("mid", "d", "5", "4000,10", "")), ERR_OK);
	cr_expect_not(passes(&t, t.pending));
	waits_turn(&t, NOW_US);
	cr_expect_eq(t.n_evicted, 1);
	buf text;
	buf_init(&text, LEDGER_BYTES_MAX);
	real_compose(t.real, S("w"), 1, &text);
	yields_drop(t.real, S("new"));
	t.real->agent = NULL;
	real_free(t.real);
	t.real = real_made(&t);
	fault f = {0};
	cr_assert_eq(real_act(t.real, NULL, buf_str(&text), &f), ERR_OK, "%s", f.detail);
	stock_pod_drop(t.stock, S("low"));
	cr_expect_not(passes(&t, LATE("1")), "it is kept");
	yields_sweep(t.real, NOW_US + 1000000);
	turn(&t);
	cr_assert_eq(t.n_evicted, 2);
	cr_expect_str_eq(t.evicted[1], "/api/v1/namespaces/d/pods/mid/eviction");
	buf_done(&text);
	stage_close(&t);
}
