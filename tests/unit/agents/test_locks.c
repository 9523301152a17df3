#include "agents/scheduling/locks.h"
#include "fake_kube.h"

loop *fake_loop;

#define T0 ((int64_t)1787306400 * 1000000) /* 2026-08-21T10:00:00Z */

/* One node with a lock, and the pod that it names. */
typedef struct row {
	const char *rule, *key, *value;
	const char *pod; /* what a GET answers; NULL: 404 */
	bool leads, is_taken;
	long patched; /* what the PATCH answers */
} row;

typedef struct stage {
	loop *loop;
	kube kube;
	const row *r;
	int n_patches, n_gets, n_told;
	char body[KUBE_FAKE_BODY_MAX];
} stage;

static int64_t now(void)
{
	return T0;
}

static bool leads(void *arg)
{
	return ((stage *)arg)->r->leads;
}

static void on_taken(void *arg, str node, str lock, bool is_done)
{
	stage *t = arg;

	t->n_told += is_done;
	cr_expect(str_eq(node, S("n1")) && str_eq(lock, str_from(t->r->value)));
}

static void serve(void *arg, kube_call *c)
{
	stage *t = arg;

	if (strcmp(c->q.method, "PATCH") == 0) {
		t->n_patches++;
		cr_expect_str_eq(c->path, "/api/v1/nodes/n1");
		fake_answer(c, t->r->patched ? t->r->patched : 200, S("{}"));
		return;
	}
	t->n_gets++;
	cr_expect_str_eq(c->path, "/api/v1/namespaces/team/pods/p");
	if (t->r->pod)
		fake_answer(c, 200, str_from(t->r->pod));
	else
		fake_answer(c, 404, S("{\"reason\":\"NotFound\"}"));
}

static void turn(stage *t)
{
	for (int i = 0; i < 6; i++) {
		loop_timer *end = loop_timer_new(t->loop, (void (*)(void *))loop_stop, t->loop);
		loop_timer_arm(end, 1000);
		loop_run(t->loop);
		loop_timer_free(end);
	}
}

static void row_run(const row *r)
{
	AUTO_ARENA a = arena_new(0);
	static stage t;
	kube_node n;

	t = (stage){.loop = loop_new(), .r = r};
	fake_loop = t.loop;
	t.kube = (kube){.loop = t.loop, .on_call = serve, .arg = &t, .body = t.body};
	locks *l = locks_new(&(locks_spec){t.loop, &t.kube, now, leads, on_taken, &t});
	str text = str_print(a,
		"{\"metadata\":{\"name\":\"n1\",\"resourceVersion\":\"7\",\"annotations\":{\"%s\":\"%s\"}}}", r->key,
		r->value);
	cr_assert_eq(kube_node_read(text, a, &n), ERR_OK);
	locks_node(l, &n);
	turn(&t);
	cr_expect_eq(t.n_patches, r->is_taken, "%s: %d", r->rule, t.n_patches);
	cr_expect_eq(t.n_told, r->is_taken && !r->patched, "%s", r->rule);
	if (r->is_taken) {
		cr_expect_str_eq(t.body,
			str_z(a,
				str_print(a, "{\"metadata\":{\"resourceVersion\":\"7\",\"annotations\":{\"%s\":null}}}",
					r->key)));
	}
	locks_free(l);
	turn(&t);
	loop_free(t.loop);
	fake_free(&t.kube);
	arena_trim();
}

#define POD(node, phase)                                                                                               \
	"{\"metadata\":{\"name\":\"p\"},\"spec\":{\"nodeName\":\"" node "\"},\"status\":{\"phase\":\"" phase "\"}}"
#define LOCK "hami.io/mutex.lock"

Test(locks, what_nobody_holds_any_more_is_taken_away)
{
	static const row v[] = {
		{"its pod waits for its devices", LOCK, "2026-08-21T09:59:00Z,team,p", POD("n1", "Pending"), true,
			false, 0},
		{"its pod is gone", LOCK, "2026-08-21T09:59:00Z,team,p", NULL, true, true, 0},
		{"its pod runs", LOCK, "2026-08-21T09:59:00Z,team,p", POD("n1", "Running"), true, true, 0},
		{"its pod is elsewhere", LOCK, "2026-08-21T09:59:00Z,team,p", POD("n2", "Pending"), true, true, 0},
		{"it is too old", LOCK, "2026-08-21T09:54:59Z,team,p", POD("n1", "Pending"), true, true, 0},
		{"the time alone, young", LOCK, "2026-08-21T09:59:00Z", NULL, true, false, 0},
		{"the time alone, old", LOCK, "2026-08-21T09:50:00Z", NULL, true, true, 0},
		{"it is of a time to come", LOCK, "2036-08-21T10:00:00Z,team,p", POD("n1", "Pending"), true, true, 0},
		{"a clock a little ahead", LOCK, "2026-08-21T10:01:00Z,team,p", POD("n1", "Pending"), true, false, 0},
		{"its pod is no name", LOCK, "2026-08-21T09:59:00Z,team,../../secrets", NULL, true, true, 0},
		{"its namespace is none", LOCK, "2026-08-21T09:59:00Z,te am,p", NULL, true, true, 0},
		{"it cannot be read", LOCK, "soon", NULL, true, true, 0},
		{"another agent leads", LOCK, "2026-08-21T09:50:00Z,team,p", NULL, false, false, 0},
		{"the node was changed meanwhile", LOCK, "2026-08-21T09:50:00Z,team,p", NULL, true, true, 409},
		{"Cambricon's own", "cambricon.com/dsmlu.lock", "2026-08-21T09:50:00Z", NULL, true, true, 0},
		{"no lock", "hami.io/other", "x", NULL, true, false, 0},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		row_run(&v[i]);
}

Test(locks, both_ways_of_writing_it_are_read)
{
	node_lock l;

	cr_assert(node_lock_read(S("2026-08-21T10:00:00Z,team,p"), &l));
	cr_expect(l.at_us == T0 && str_eq(l.space, S("team")) && str_eq(l.pod, S("p")));
	cr_assert(node_lock_read(S("2026-08-21T12:00:00+02:00,team,p"), &l));
	cr_expect_eq(l.at_us, T0);
	cr_assert(node_lock_read(S("2026-08-21T10:00:00Z"), &l));
	cr_expect(l.at_us == T0 && !l.space.p && !l.pod.p);
	cr_expect(!node_lock_read(S(""), &l) && !node_lock_read(S("p,team,2026"), &l));
}

Test(locks, a_name_of_any_length_ends_no_agent)
{
	static char value[100 << 10] = "2026-08-21T09:59:00Z,team,";
	const row r = {"a long name", LOCK, value, NULL, true, true, 0};
	node_lock l;

	memset(value + strlen(value), 'a', 90 << 10);
	cr_expect(!node_lock_read(str_from(value), &l));
	row_run(&r);
}
