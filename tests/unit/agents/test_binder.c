#include "agents/scheduling/extender/binder.h"
#include "agents/scheduling/grant.h"
#include "cluster_fixture.h"
#include "base/clock.h"
#include "fake_kube.h"

loop *fake_loop;

enum { ANSWERS_MAX = 8 };

/* An API server that has one waiting pod and answers bindings and looks as the test says. */
typedef struct stage {
	loop *loop;
	kube kube;
	stock *stock;
	mirror *mirror;
	binder *binder;
	const char *pod;         /* the list of pods has it */
	long bind_status;        /* 0: it breaks */
	const char *bind_answer; /* its body */
	const char *look;        /* what a GET of the pod says; NULL: it breaks */
	char body[KUBE_FAKE_BODY_MAX];
	uint32_t n_bindings, n_looks, n_answers;
	char answers[ANSWERS_MAX][256]; /* "" : bound */
} stage;

static void serve(void *arg, kube_call *c)
{
	stage *t = arg;
	AUTO_ARENA a = arena_new(0);

	if (c->q.on_piece)
		fake_answer(c, strstr(c->path, "sendInitialEvents") ? 422 : 200, STR_NONE);
	else if (strstr(c->path, "/binding")) {
		t->n_bindings++;
		(void)snprintf(t->body, sizeof(t->body), "%s", c->body);
		if (t->bind_status)
			fake_answer(c, t->bind_status, str_from(t->bind_answer));
		else
			fake_broken(c, ERR_TIMEOUT);
	} else if (strstr(c->path, "/namespaces/d/pods/")) {
		t->n_looks++;
		if (t->look)
			fake_answer(c, 200, str_from(t->look));
		else
			fake_broken(c, ERR_IO);
	} else {
		const char *item = strstr(c->path, "/pods") ? t->pod : "";
		fake_answer(c, 200, str_print(a, "{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[%s]}", item));
	}
}

static void on_ready(void *arg)
{
	stage *t = arg;

	loop_stop(t->loop);
}

#define WAITING(containers)                                                                                            \
	"{\"metadata\":{\"name\":\"new\",\"namespace\":\"d\",\"uid\":\"u1\",\"resourceVersion\":\"5\"},\"spec\":{"     \
	"\"containers\":[" containers "]},\"status\":{\"phase\":\"Pending\"}}"
#define BOUND(node)                                                                                                    \
	"{\"metadata\":{\"name\":\"new\",\"namespace\":\"d\",\"uid\":\"u1\",\"resourceVersion\":\"9\"},\"spec\":{"     \
	"\"nodeName\":\"" node "\",\"containers\":[{\"name\":\"c\"}]}}"
#define ARGS(node) "{\"PodName\":\"new\",\"PodNamespace\":\"d\",\"PodUID\":\"u1\",\"Node\":\"" node "\"}"

static bool is_one_per_node;

static void stage_begin(stage *t, const char *item, int64_t unknown_us)
{
	mirror_spec ms = {.on_ready = on_ready, .arg = t};
	binder_spec bs = {.by_default = {POLICY_HAMI_BINPACK, POLICY_HAMI_BINPACK}};

	*t = (stage){.loop = loop_new(), .stock = f2x2_new(), .pod = item, .bind_status = 201, .bind_answer = "{}"};
	fake_loop = t->loop;
	t->kube = (kube){.loop = t->loop, .on_call = serve, .arg = t};
	ms.loop = bs.loop = t->loop;
	ms.kube = bs.kube = &t->kube;
	ms.stock = bs.stock = t->stock;
	t->mirror = bs.mirror = mirror_open(&ms);
	loop_run(t->loop);
	bs.unknown_us = unknown_us;
	bs.is_one_per_node = is_one_per_node;
	t->binder = binder_new(&bs);
}

static void stage_open(stage *t, const char *item)
{
	stage_begin(t, item, 0);
}

static void stage_close(stage *t)
{
	binder_free(t->binder);
	mirror_close(t->mirror);
	loop_free(t->loop);
	stock_free(t->stock);
	fake_free(&t->kube);
	arena_trim();
}

static void on_done(void *arg, const char *why)
{
	stage *t = arg;

	cr_assert_lt(t->n_answers, ANSWERS_MAX);
	(void)snprintf(t->answers[t->n_answers++], sizeof(t->answers[0]), "%s", why ? why : "");
	loop_stop(t->loop);
}

static const char *bind(stage *t, const char *args)
{
	uint32_t before = t->n_answers;

	binder_bind(t->binder, str_from(args), on_done, t);
	if (t->n_answers == before)
		loop_run(t->loop);
	return t->answers[t->n_answers - 1];
}

static int64_t free_mib(stage *t, const char *uuid)
{
	fleet *f = stock_fleet(t->stock);

	return fleet_free_memory_mib(&f->devices.v[fleet_device_find(f, stock_cluster(t->stock), str_from(uuid))]);
}

Test(binder, one_binding_holds_the_whole_grant)
{
	stage t;

	stage_open(&t, WAITING("{\"name\":\"plain\"}," ASK("1", "3000", "30")));
	cr_expect_str_empty(bind(&t, ARGS("node1")));
	cr_expect(strstr(t.body, "\"uid\":\"u1\"") && strstr(t.body, "\"name\":\"node1\"}"), "%s", t.body);
	cr_expect(strstr(t.body, "\"hami.io/vgpu-devices-to-allocate\":\";device1,NVIDIA,3000,30:;\""), "%s", t.body);
	cr_expect(strstr(t.body, "\"hami.io/vgpu-devices-allocated\":\";device1,NVIDIA,3000,30:;\""), "%s", t.body);
	cr_expect(strstr(t.body, "\"hami.io/vgpu-node\":\"node1\"") &&
			  strstr(t.body, "\"hami.io/bind-phase\":\"allocating\""),
		"%s", t.body);
	cr_expect_eq(free_mib(&t, "device1"), 8000 - 2000 - 3000, "what was granted is taken at once");
	stage_close(&t);
}

Test(binder, each_container_is_given_its_own_and_booked_the_larger)
{
	stage t;

	stage_open(&t,
		"{\"metadata\":{\"name\":\"new\",\"namespace\":\"d\",\"uid\":\"u1\",\"resourceVersion\":\"5\"},\"spec\":{"
		"\"initContainers\":[" ASK("1", "5000", "20") "],\"containers\":[" ASK("1", "1000", "10") "]}}");
	cr_expect_str_empty(bind(&t, ARGS("node2")));
	cr_expect(strstr(t.body, "allocated\":\"device3,NVIDIA,5000,20:;device3,NVIDIA,1000,10:;\""), "%s", t.body);
	cr_expect_eq(free_mib(&t, "device3"), 3000);
	stage_close(&t);
}

Test(binder, looks_again_at_what_is_free_now)
{
	stage t;
	stock_share all = {S("device2"), 8000, 1000};

	stage_open(&t, WAITING(ASK("2", "5000", "10")));
	stock_reserve(t.stock, S("other"), S("d"), S("node1"), &all, 1);
	cr_expect(strstr(bind(&t, ARGS("node1")), "does not fit on node1 any more"), "%s", t.answers[0]);
	cr_expect_eq(t.n_bindings, 0);
	stock_release(t.stock, S("other"));
	cr_expect_str_empty(bind(&t, ARGS("node1")));
	stage_close(&t);
}

Test(binder, a_refusal_gives_back_what_was_reserved)
{
	stage t;

	stage_open(&t, WAITING(ASK("1", "3000", "30")));
	t.bind_status = 403;
	t.bind_answer = "{\"kind\":\"Status\",\"message\":\"quota\",\"code\":403}";
	cr_expect(strstr(bind(&t, ARGS("node1")), "refused the binding: quota"), "%s", t.answers[0]);
	cr_expect_eq(free_mib(&t, "device1"), 6000);
	stage_close(&t);
}

typedef struct unknown {
	long status;
	const char *look, *answer;
	int64_t free_mib;
} unknown;

Test(binder, an_outcome_that_is_not_known_keeps_the_share_until_it_is)
{
	static const unknown rows[] = {
		{0, BOUND("node1"), "", 3000},                                       /* it was taken after all */
		{0, WAITING("{\"name\":\"c\"}"), "the binding was not taken", 6000}, /* or not */
		{0, NULL, "the outcome of the binding is not known yet", 3000},
		{500, NULL, "the outcome of the binding is not known yet", 3000}, {409, BOUND("node1"), "", 3000},
		{409, BOUND("node2"), "the binding was not taken", 6000}, /* somebody bound it elsewhere */
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage t;
		stage_open(&t, WAITING(ASK("1", "3000", "30")));
		t.bind_status = rows[i].status;
		t.bind_answer = "{\"kind\":\"Status\",\"reason\":\"Conflict\"}";
		t.look = rows[i].look;
		cr_expect_str_eq(bind(&t, ARGS("node1")), rows[i].answer, "row %zu: %s", i, t.answers[0]);
		cr_expect_eq(t.n_looks, 1);
		cr_expect_eq(free_mib(&t, "device1"), rows[i].free_mib, "row %zu", i);
		stage_close(&t);
	}
}

static void wait_ms(stage *t, int64_t ms)
{
	loop_timer *end = loop_timer_new(t->loop, (void (*)(void *))loop_stop, t->loop);

	loop_timer_arm(end, ms * 1000);
	loop_run(t->loop);
	loop_timer_free(end);
}

/* A store that is slow keeps a Binding after its caller was told of a timeout, and a look in between shows nothing. */
Test(binder, a_binding_without_an_answer_is_not_given_up_while_it_may_be_stored_late)
{
	static const struct {
		long status;
		const char *late;
		int64_t free_mib;
	} rows[] = {
		{0, BOUND("node1"), 3000},
		{504, BOUND("node1"), 3000},
		{0, WAITING("{\"name\":\"c\"}"), 6000},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		stage t;
		stage_begin(&t, WAITING(ASK("1", "3000", "30")), 20000);
		t.bind_status = rows[i].status;
		t.look = WAITING("{\"name\":\"c\"}");
		cr_expect_str_eq(bind(&t, ARGS("node1")), "the outcome of the binding is not known yet");
		cr_expect_eq(free_mib(&t, "device1"), 3000, "row %zu: nobody else gets it", i);
		cr_expect(strstr(bind(&t, ARGS("node2")), "is being bound already"), "%s", t.answers[1]);
		t.look = rows[i].late;
		while (t.n_looks < 2)
			wait_ms(&t, 5);
		wait_ms(&t, 2);
		cr_expect_eq(free_mib(&t, "device1"), rows[i].free_mib, "row %zu", i);
		cr_expect_eq(t.n_answers, 2, "whoever asked heard of it once");
		stage_close(&t);
	}
	stage t;
	stage_begin(&t, WAITING(ASK("1", "3000", "30")), 60000000);
	t.bind_status = 0;
	t.look = WAITING("{\"name\":\"c\"}");
	(void)bind(&t, ARGS("node1"));
	stage_close(&t); /* and nothing is left behind */
}

Test(binder, a_scheduler_that_asks_twice_binds_once)
{
	stage t;

	stage_open(&t, WAITING(ASK("1", "3000", "30")));
	t.look = BOUND("node1");
	cr_expect_str_empty(bind(&t, ARGS("node1")));
	cr_expect_str_empty(bind(&t, ARGS("node1")));
	cr_expect_eq(t.n_bindings, 1);
	cr_expect(strstr(bind(&t, ARGS("node2")), "being bound to another node"), "%s", t.answers[2]);
	cr_expect_eq(free_mib(&t, "device1"), 3000);
	stage_close(&t);
}

Test(binder, a_name_that_is_none_makes_no_call)
{
	static const char *const members[] = {"PodName", "PodNamespace", "PodUID", "Node"};
	static const char *const spoiled[] = {"../../secrets", "a b", "A", "-a", "a/b"};
	static char body[80 << 10], longest[66 << 10];
	stage t;

	memset(longest, 'a', sizeof(longest) - 1);
	stage_open(&t, WAITING(ASK("1", "3000", "30")));
	for (size_t i = 0; i < 4; i++)
		for (size_t k = 0; k < 6; k++) {
			const char *v[] = {"new", "d", "u1", "node1"};
			if (i == 2 && k < 5)
				continue; /* a uid stands in no path */
			t.n_answers = 0;
			v[i] = k < 5 ? spoiled[k] : longest;
			(void)snprintf(body, sizeof(body), "{\"%s\":\"%s\",\"%s\":\"%s\",\"%s\":\"%s\",\"%s\":\"%s\"}",
				members[0], v[0], members[1], v[1], members[2], v[2], members[3], v[3]);
			cr_expect(strstr(bind(&t, body), "a name that is none"), "%s %zu: %s", members[i], k,
				t.answers[0]);
		}
	cr_expect_eq(t.n_bindings, 0);
	stage_close(&t);
}

Test(binder, refuses_what_it_does_not_know)
{
	stage t;

	stage_open(&t, WAITING("{\"name\":\"c\"}"));
	cr_expect(strstr(bind(&t, ARGS("node1")), "not known here yet"), "%s", t.answers[0]);
	cr_expect(strstr(bind(&t, "{\"PodName\":\"x\"}"), "names no pod"), "%s", t.answers[1]);
	cr_expect(strstr(bind(&t, "nothing"), "cannot be read"), "%s", t.answers[2]);
	cr_expect_eq(t.n_bindings, 0);
	stage_close(&t);
}

#define GIVEN(phase, pod_phase, at)                                                                                         \
	"{\"metadata\":{\"name\":\"pod1\",\"namespace\":\"d\",\"uid\":\"pod1\",\"resourceVersion\":\"1\",\"annotations\":{" \
	"\"hami.io/vgpu-devices-allocated\":\"device1,NVIDIA,2000,25:;\",\"hami.io/bind-phase\":\"" phase                   \
	"\",\"hami.io/bind-time\":\"" at "\"}},\"spec\":{\"nodeName\":\"node1\",\"containers\":[" ASK(                      \
		"1", "2000", "25") "]},\"status\":{\"phase\":\"" pod_phase "\"}}"

/* HAMi's plugin takes the first pod that waits for its devices on the node to be the one that asks. */
Test(binder, two_pods_are_not_given_their_devices_at_once_where_a_plugin_guesses)
{
	AUTO_ARENA a = arena_new(0);
	const char *now = str_z(a, str_print(a, "%lld", (long long)(clock_now_us() / 1000000)));
	const struct {
		const char *phase, *pod_phase, *at;
		bool is_bound;
	} rows[] = {
		{"allocating", "Pending", now, false},
		{"success", "Pending", now, true},
		{"failed", "Pending", now, true},
		{"allocating", "Running", now, true},
		{"allocating", "Pending", "1795168200", true},
		{"allocating", "Pending", "soon", true},
	};

	for (int is_on = 0; is_on < 2; is_on++)
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			stage t;
			is_one_per_node = is_on;
			stage_open(&t, WAITING(ASK("1", "3000", "30")));
			char *text = arena_alloc(a, 1024);
			(void)snprintf(
				text, 1024, GIVEN("%s", "%s", "%s"), rows[i].phase, rows[i].at, rows[i].pod_phase);
			cr_assert_eq(pod_tell(t.stock, text), ERR_OK);
			const char *why = bind(&t, ARGS("node1"));
			bool is_bound = !why[0];
			cr_expect_eq(is_bound, !is_on || rows[i].is_bound, "row %zu, on %d: %s", i, is_on, why);
			cr_expect(is_bound || strstr(why, "is still being given its devices on node1"), "%s", why);
			stage_close(&t);
		}
	stage t;
	stock_share share = {S("device2"), 1, 0, 1};
	stage_open(&t, WAITING(ASK("1", "3000", "30")));
	stock_reserve(t.stock, S("other"), S("d"), S("node1"), &share, 1);
	cr_expect(bind(&t, ARGS("node1"))[0], "another one is being bound");
	stock_release(t.stock, S("other"));
	stock_reserve(t.stock, S("plc_1/0"), S(""), S("node1"), &share, 1);
	cr_expect_str_empty(bind(&t, ARGS("node1")), "what is kept for one to come stands in nobody's way");
	stage_close(&t);
}
