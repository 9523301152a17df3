/* Pods of HAMi's get a receipt, and by that a placement; nobody else's do. */
#include "agents/cluster/agent_inside.h"
#include "agents/plan_record.h"
#include "agents/real/real_inside.h"
#include "cluster_fixture.h"
#include "fake_kube.h"

loop *fake_loop;

#define NOW_US ((int64_t)1800000000 * 1000000)

typedef struct stage {
	loop *loop;
	kube kube;
	stock *stock;
	spaces *spaces;
	signing_key *key;
	agent agent;
	real *real;
	char key_path[64], path[2048];
	char body[4096]; /* of the last patch */
	int n_patches;
} stage;

#define SPACE(name, tenant)                                                                                            \
	"{\"metadata\":{\"name\":\"" name "\",\"uid\":\"" name "\",\"resourceVersion\":\"1\",\"annotations\":{" tenant \
	"}}}"

static void serve(void *arg, kube_call *c)
{
	stage *t = arg;

	if (strcmp(c->q.method, "PATCH") == 0) {
		t->n_patches++;
		memcpy(t->path, c->path, sizeof(t->path));
		memcpy(t->body, c->body, sizeof(t->body));
		fake_answer(c, 200, S("{}"));
	} else if (c->q.on_piece) {
		fake_answer(c, strstr(c->path, "sendInitialEvents") ? 422 : 200, STR_NONE);
	} else {
		fake_answer(c, 200,
			S("{\"metadata\":{\"resourceVersion\":\"7\"},\"items\":[" SPACE(
				"d", "\"reeve.io/tenant\":\"acme\"") "," SPACE("nobody", "") "]}"));
	}
}

static void on_spaces(void *arg)
{
	loop_stop(((stage *)arg)->loop);
}

static void stage_open(stage *t)
{
	static sync_class classes[] = {{{"NVIDIA", 6}, {"h100-80g", 8}}};
	fault f = {0};

	*t = (stage){.loop = loop_new(), .stock = f2x2_new(), .key_path = "/tmp/reeve-adopt-XXXXXX"};
	cr_assert(mkdtemp(t->key_path));
	(void)strncat(t->key_path, "/key", sizeof(t->key_path) - strlen(t->key_path) - 1);
	cr_assert_eq(signing_key_ensure(t->key_path, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(signing_key_open(t->key_path, &t->key, &f), ERR_OK, "%s", f.detail);
	fake_loop = t->loop;
	t->kube = (kube){.loop = t->loop, .on_call = serve, .arg = t};
	t->spaces = spaces_open(&(spaces_spec){t->loop, &t->kube, on_spaces, t});
	loop_run(t->loop);
	real_spec s = {.loop = t->loop, .kube = &t->kube, .stock = t->stock, .spaces = t->spaces, .key = t->key};
	s.cluster_uid = S("here");
	s.identity = "me";
	t->real = real_new(&s);
	cr_assert(models_take(&t->real->models, &(sync_config){.classes = {classes, 1}}));
	t->agent.borrow.self.incarnation = 7;
	t->real->agent = &t->agent;
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
	real_free(t->real);
	spaces_close(t->spaces);
	turn(t);
	signing_key_close(t->key);
	loop_free(t->loop);
	stock_free(t->stock);
	fake_free(&t->kube);
	(void)remove(t->key_path);
	*strrchr(t->key_path, '/') = '\0';
	(void)remove(t->key_path);
	arena_trim();
}

/* The mirror tells it: the stock first, then us. */
static void tell(stage *t, const char *text)
{
	AUTO_ARENA a = arena_new(0);
	mirror_ear ear = real_ear(t->real);
	pod p;

	(void)pod_tell(t->stock, text);
	cr_assert_eq(pod_read(str_from(text), a, &p), ERR_OK);
	ear.on_pod(ear.arg, &p, str_from(text));
}

#define OLD RUNNING("pod1", "node1", "device1,NVIDIA,2000,25:;", ASK("1", "2000", "25"))

/* The receipt out of the patch. */
static str receipt_of(stage *t, arena *a)
{
	const char *at = strstr(t->body, "\"" RECEIPT_ANNOTATION "\":\"");

	cr_assert_not_null(at, "%s", t->body);
	at += strlen(RECEIPT_ANNOTATION) + 4;
	return str_dup(a, str_of(at, strcspn(at, "\"")));
}

Test(adopt, a_pod_of_hamis_gets_a_receipt_once)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	receipt is;

	stage_open(&t);
	tell(&t, OLD);
	foreign_adopt(t.real, NOW_US);
	turn(&t);
	cr_assert_eq(t.n_patches, 1);
	cr_expect_str_eq(t.path, "/api/v1/namespaces/d/pods/pod1");
	cr_expect(strstr(t.body, "{\"metadata\":{\"uid\":\"pod1\",\"annotations\":{"), "%s", t.body);
	str text = receipt_of(&t, a);
	cr_assert(receipt_open(text, S("pod1"), S("node1"), t.real->public_key, &is));
	cr_expect(!receipt_open(text, S("pod1"), S("node2"), t.real->public_key, &is));
	cr_expect(str_eq(is.tenant, S("acme")) && str_eq(is.fence, S("7.1")) && str_starts(is.id, S("plc_")));
	cr_expect(is.charge.v[AXIS_MEMORY_MIB] == 2000 && is.charge.v[AXIS_COMPUTE_MILLI] == 250 &&
		  is.charge.v[AXIS_DEVICE_MILLI] == 250);
	foreign_adopt(t.real, NOW_US + 1000000);
	turn(&t);
	cr_expect_eq(t.n_patches, 1, "it was asked for");
	foreign_adopt(t.real, NOW_US + 31000000);
	turn(&t);
	cr_expect_eq(t.n_patches, 2, "nothing was heard of it");
	/* Told with it, it is a placement, and is let alone. */
	t.real->agent = NULL;
	tell(&t,
		str_z(a,
			str_print(a,
				"{\"metadata\":{\"name\":\"pod1\",\"namespace\":\"d\",\"uid\":\"pod1\",\"resourceVersion\":\"2\",\"annotations\":"
				"{\"hami.io/vgpu-devices-allocated\":\"device1,NVIDIA,2000,25:;\",\"reeve.io/receipt\":\"" STR_FMT
				"\"}},\"spec\":{\"nodeName\":\"node1\",\"containers\":[" ASK(
					"1", "2000", "25") "]},\"status\":{\"phase\":\"Running\"}}",
				STR_ARG(text))));
	cr_expect_eq(t.real->foreign.n, 0);
	seat *s;
	work *w = works_of_pod(&t.real->works, S("pod1"), &s);
	cr_assert_not_null(w);
	cr_expect(str_eq(str_from(w->id), is.id) && strcmp(w->tenant, "acme") == 0 && s->state == SEAT_RUNNING);
	stage_close(&t);
}

Test(adopt, those_of_nobody_and_those_that_are_over_get_none)
{
	static const char *const v[] = {
		"{\"metadata\":{\"name\":\"x\",\"namespace\":\"nobody\",\"uid\":\"x\",\"resourceVersion\":\"1\",\"annotations\":{"
		"\"hami.io/vgpu-devices-allocated\":\"device2,NVIDIA,2000,25:;\"}},\"spec\":{\"nodeName\":\"node1\",\"containers\":[" ASK(
			"1", "2000", "25") "]},\"status\":{\"phase\":\"Running\"}}",
		"{\"metadata\":{\"name\":\"y\",\"namespace\":\"d\",\"uid\":\"y\",\"resourceVersion\":\"1\",\"annotations\":{"
		"\"hami.io/vgpu-devices-allocated\":\"device2,NVIDIA,2000,25:;\"}},\"spec\":{\"nodeName\":\"node1\",\"containers\":[" ASK(
			"1", "2000", "25") "]},\"status\":{\"phase\":\"Succeeded\"}}",
		"{\"metadata\":{\"name\":\"z\",\"namespace\":\"d\",\"uid\":\"z\",\"resourceVersion\":\"1\"},\"spec\":{\"nodeName\":"
		"\"node1\",\"containers\":[{\"name\":\"c\"}]},\"status\":{\"phase\":\"Running\"}}",
	};
	stage t;

	stage_open(&t);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		tell(&t, v[i]);
	foreign_adopt(t.real, NOW_US);
	turn(&t);
	cr_expect_eq(t.n_patches, 0);
	cr_expect_eq(t.real->foreign.n, 1, "a namespace may get a tenant later");
	/* Whoever does not act leaves all alone. */
	t.real->agent = NULL;
	tell(&t, OLD);
	foreign_adopt(t.real, NOW_US);
	turn(&t);
	cr_expect_eq(t.n_patches, 0);
	t.real->agent = &t.agent;
	foreign_adopt(t.real, NOW_US);
	turn(&t);
	cr_expect_eq(t.n_patches, 1, "it was known by then");
	stage_close(&t);
}

static void on_paid(void *deed, bool is_paid)
{
	*(int *)deed += is_paid ? 100 : 1;
}

/* kube-scheduler waits for its answer, and its request for the binder. */
Test(binds, whoever_waits_for_a_bind_hears_of_a_pod_that_went_before_it_was_paid)
{
	for (int is_bound = 0; is_bound < 2; is_bound++) {
		stage t;
		int heard = 0;
		stage_open(&t);
		mirror_ear ear = real_ear(t.real);
		bind_row *b = bind_add(t.real, S("pod1"), S("d"), S("pod1"), S("node2"), STR_NONE, false);
		b->on_paid = on_paid;
		b->deed = &heard;
		if (is_bound)
			tell(&t, OLD);
		else
			ear.on_pod_gone(ear.arg, &(object_meta){S("d"), S("pod1"), S("pod1"), S("9"), false});
		cr_expect_eq(heard, 1, "bound elsewhere %d: %d", is_bound, heard);
		cr_expect(!bind_find(t.real, S("pod1")));
		stage_close(&t);
	}
}

/* As it stands in a pod's JSON. */
static str plan_note(stage *t, const char *name, int64_t fence, arena *a)
{
	plan_share s = {S("nvidia.com/gpu"), S("device1"), 2000, 250, STR_NONE, 0};
	plan_container c = {S("c"), false, &s, 1};
	plan_record r = {.pod_uid = S("pod1"), .node = S("node1"), .fence = fence, .made_us = 5};
	str text;
	buf out;

	r.placement = str_from(name);
	r.containers = &c;
	r.n = 1;
	cr_assert_eq(plan_record_sign(&r, t->key, a, &text, NULL), ERR_OK);
	buf_init(&out, PLAN_BYTES_MAX);
	for (uint32_t i = 0; i < text.n; i++)
		buf_printf(&out, text.p[i] == '\n' ? "\\n" : "%c", text.p[i]);
	text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

/* It became a placement of no loan, and its tenant was let in once more. */
Test(adopt, who_takes_the_receipt_off_a_pod_of_ours_gets_it_back_as_it_was)
{
	for (int is_ordered = 0; is_ordered < 2; is_ordered++) {
		AUTO_ARENA a = arena_new(0);
		stage t;
		receipt is;
		stage_open(&t);
		id own = name_of_pod(S("here"), S("pod1"));
		const char *name = is_ordered ? "plc_01JD0Z6T9X3V5Q7R8S9T0V1W2X" : own.p;
		loan *l = calloc(1, sizeof(*l));
		(void)snprintf(l->name, sizeof(l->name), "9.h100-80g");
		(void)snprintf(l->tenant, sizeof(l->tenant), "acme");
		(void)snprintf(l->model, sizeof(l->model), "h100-80g");
		(void)map_put(&t.agent.borrow.by_name, str_from(l->name), l);
		stock_trust(t.stock, t.real->public_key);
		str note = plan_note(&t, name, (int64_t)3 << 24 | 2, a);
		tell(&t,
			str_z(a,
				str_print(a,
					"{\"metadata\":{\"name\":\"pod1\",\"namespace\":\"d\",\"uid\":\"pod1\",\"resourceVersion\":\"2\",\"annotations\":{"
					"\"reeve.io/index\":\"4\",\"reeve.io/plan\":\"" STR_FMT
					"\"}},\"spec\":{\"nodeName\":\"node1\",\"containers\":[" ASK(
						"1", "2000", "25") "]},\"status\":{\"phase\":\"Running\"}}",
					STR_ARG(note))));
		foreign_adopt(t.real, NOW_US);
		turn(&t);
		cr_assert_eq(t.n_patches, 1);
		cr_assert(receipt_open(receipt_of(&t, a), S("pod1"), S("node1"), t.real->public_key, &is));
		cr_expect(str_eq(is.id, str_from(name)) && str_eq(is.fence, S("3.2")) && is.at_us == 5);
		cr_expect(str_eq(is.loan, is_ordered ? STR_NONE : S("9.h100-80g")), STR_FMT, STR_ARG(is.loan));
		cr_expect_eq(is.charge.v[AXIS_MEMORY_MIB], is_ordered ? 0 : 2000);
		cr_expect_eq(is.index, is_ordered ? 4 : 0);
		stage_close(&t);
		borrow_done(&t.agent.borrow);
		arena_trim();
	}
}

/* As it runs on node1, with those annotations. */
static str run_text(const char *notes, arena *a)
{
	return str_print(a,
		"{\"metadata\":{\"name\":\"pod1\",\"namespace\":\"d\",\"uid\":\"pod1\",\"resourceVersion\":\"2\",\"annotations\":{%s}},"
		"\"spec\":{\"nodeName\":\"node1\",\"containers\":[" ASK("1", "2000",
			"25") "]},\"status\":{\"phase\":\"Running\",\"startTime\":\"2026-01-01T00:00:00Z\"}}",
		notes);
}

/* Nobody noticed while an agent knew the pod, and the next one told that it was lost. */
Test(adopt, a_receipt_that_is_taken_off_or_changed_while_we_look_comes_back_word_for_word)
{
	static const char *const after[] = {"\"x\":\"\"", "\"reeve.io/receipt\":\"\"", "\"reeve.io/receipt\":\"mine\""};
	receipt words = {.id = S("plc_01JD0Z6T9X3V5Q7R8S9T0V1W2X"),
		.fence = S("3.2"),
		.tenant = S("acme"),
		.at_us = 5,
		.max_runtime_s = 3600,
		.index = 4,
		.self_fence_s = 900,
		.speak_s = 10};

	for (size_t i = 0; i < sizeof(after) / sizeof(after[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		stage t;
		stage_open(&t);
		str text = receipt_sign(&words, S("pod1"), S("node1"), t.key, a);
		str borne = run_text(str_z(a, str_print(a, "\"reeve.io/receipt\":\"" STR_FMT "\"", STR_ARG(text))), a);
		t.real->agent = NULL;
		tell(&t, str_z(a, borne));
		t.real->agent = &t.agent;
		foreign_adopt(t.real, NOW_US);
		turn(&t);
		cr_expect_eq(t.n_patches, 0, "row %zu: it bears it", i);
		tell(&t, str_z(a, run_text(after[i], a)));
		foreign_adopt(t.real, NOW_US);
		turn(&t);
		cr_assert_eq(t.n_patches, 1, "row %zu", i);
		cr_expect(str_eq(receipt_of(&t, a), text), "row %zu: " STR_FMT, i, STR_ARG(receipt_of(&t, a)));
		tell(&t, str_z(a, borne));
		cr_expect_eq(t.real->foreign.n, 0, "row %zu", i);
		stage_close(&t);
	}
}

typedef struct listed {
	int n;
	cluster_phase phase;
	bool is_let_in, is_it;
	int64_t running_us;
} listed;

static const char *listed_name;

static void listed_heard(void *arg, const cluster_pods *p)
{
	listed *to = arg;

	to->n++;
	to->phase = p->phase;
	to->is_let_in =
		p->let_in && str_eq(p->let_in->loan, S("9.h100-80g")) && p->let_in->charge.v[AXIS_MEMORY_MIB] == 2000;
	to->is_it = str_eq(p->id, str_from(listed_name)) && str_eq(p->fence, S("3.2")) && p->placed.n == 1;
	to->running_us = p->running_us;
}

/* The server heard that it was lost, and gave what it held to others while it ran. */
Test(adopt, an_agent_that_begins_knows_its_pods_by_their_plans)
{
	for (int is_ordered = 0; is_ordered < 2; is_ordered++) {
		AUTO_ARENA a = arena_new(0);
		stage t;
		listed is = {0};
		stage_open(&t);
		id own = name_of_pod(S("here"), S("pod1"));
		listed_name = is_ordered ? "plc_01JD0Z6T9X3V5Q7R8S9T0V1W2X" : own.p;
		borrow of = {0};
		borrow_init(&of);
		loan *l = calloc(1, sizeof(*l));
		(void)snprintf(l->name, sizeof(l->name), "9.h100-80g");
		(void)snprintf(l->tenant, sizeof(l->tenant), "acme");
		(void)snprintf(l->model, sizeof(l->model), "h100-80g");
		l->hold.offered = (amounts){{1000, 80000, 1000}};
		l->is_kept = true;
		(void)map_put(&of.by_name, str_from(l->name), l);
		facts k = {0};
		t.real->kept = facts_lines(&k, &of, a);
		stock_trust(t.stock, t.real->public_key);
		t.real->agent = NULL;
		str note = plan_note(&t, listed_name, (int64_t)3 << 24 | 2, a);
		tell(&t, str_z(a, run_text(str_z(a, str_print(a, "\"reeve.io/plan\":\"" STR_FMT "\"", STR_ARG(note))),
					  a)));
		cluster_ref c = real_cluster(t.real);
		c.can->list(c.self, listed_heard, &is);
		cr_expect_eq(is.n, 1, "ordered %d", is_ordered);
		cr_expect(is.is_it && is.phase == CLUSTER_RUNNING && is.running_us > 0, "ordered %d", is_ordered);
		cr_expect_eq(is.is_let_in, !is_ordered, "ordered %d", is_ordered);
		/* And gets its receipt again. */
		t.real->agent = &t.agent;
		foreign_adopt(t.real, NOW_US);
		turn(&t);
		cr_assert_eq(t.n_patches, 1);
		receipt back;
		cr_assert(receipt_open(receipt_of(&t, a), S("pod1"), S("node1"), t.real->public_key, &back));
		cr_expect(str_eq(back.id, str_from(listed_name)) && str_eq(back.fence, S("3.2")));
		stage_close(&t);
		borrow_done(&of);
		arena_trim();
	}
}

/* The guard asks about each Binding, most often our own: it must not take longer over it, nor another for it. */
Test(binds, the_guard_knows_the_receipt_of_a_bind_and_opens_all_others)
{
	stage t;
	const char *reason;
	receipt words = {.id = S("plc_1"), .fence = S("1.1"), .tenant = S("acme")}, changed = words;

	stage_open(&t);
	AUTO_ARENA a = arena_new(0);
	str text = receipt_sign(&words, S("pod1"), S("node2"), t.key, a);
	changed.tenant = S("other");
	str other = receipt_sign(&changed, S("pod1"), S("node2"), t.key, a);
	/* The signature of one under the words of the other. */
	str forged = str_print(a, STR_FMT STR_FMT, STR_ARG(str_cut(other, 0, other.n - 88)),
		STR_ARG(str_cut(text, text.n - 88, text.n)));
	const struct {
		str uid, node, text;
		bool holds;
	} rows[] = {
		{S("pod1"), S("node2"), text, true},
		{S("pod1"), S("node2"), other, true},
		{S("pod1"), S("node2"), forged, false},
		{S("pod1"), S("node1"), text, false},
		{S("pod2"), S("node2"), text, false},
		{S("pod2"), S("node2"), forged, false},
		{S("pod1"), S("node2"), S(""), false},
	};
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
			object_pair note = {S(RECEIPT_ANNOTATION), rows[i].text};
			cr_expect_eq(real_record_holds(t.real, rows[i].uid, rows[i].node, &note, 1, &reason),
				rows[i].holds, "round %d, row %zu", round, i);
		}
		if (round == 0)
			(void)bind_add(t.real, S("pod1"), S("d"), S("pod1"), S("node2"), text, true);
		if (round == 1)
			(void)bind_add(t.real, S("pod2"), S("d"), S("pod2"), S("node2"), forged, false);
	}
	cr_expect(str_eq(bind_find(t.real, S("pod1"))->r.tenant, S("acme")));
	cr_expect_eq(bind_find(t.real, S("pod2"))->r.id.n, 0, "what the Secret tells is opened");
	stage_close(&t);
}

/* The Binding of an agent that has died came after all: it was told as a placement that nobody had asked for. */
Test(binds, what_an_agent_before_paid_and_lands_is_told_with_what_it_holds)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	receipt words = {.id = S("plc_01JD0Z6T9X3V5Q7R8S9T0V1W2X"),
		.fence = S("7.1"),
		.tenant = S("acme"),
		.loan = S("9.h100-80g"),
		.charge = {{250, 2000, 250}},
		.at_us = 5};

	stage_open(&t);
	book_init(&t.agent.book);
	outbox_init(&t.agent.outbox, "test");
	outbox_begin(&t.agent.outbox, S("ses"));
	str text = receipt_sign(&words, S("pod1"), S("node1"), t.key, a);
	(void)bind_add(t.real, S("pod1"), S("d"), S("pod1"), S("node1"), text, false);
	tell(&t, OLD);
	cr_expect(!bind_find(t.real, S("pod1")));
	str told = outbox_report(&t.agent.outbox);
	cr_assert(told.n);
	const char *said = strstr(str_z(a, told), "\"kind\":\"admitted\"");
	cr_assert_not_null(said, STR_FMT, STR_ARG(told));
	cr_expect(
		strstr(said, "\"uuid\":\"device1\"") && strstr(said, "\"memory_mib\":2000") && strstr(said, "h100-80g"),
		"%s", said);
	outbox_done(&t.agent.outbox);
	book_done(&t.agent.book);
	stage_close(&t);
}

static void let_in_heard(void *arg, const cluster_pods *p)
{
	str *to = arg;

	if (p->let_in)
		*to = str_dup((arena *)(uintptr_t)to[1].p, p->let_in->request);
}

/* One that yields first was told as any other by the next agent. */
Test(adopt, an_heir_tells_how_important_what_was_let_in_is)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	receipt words = {.id = S("plc_01JD0Z6T9X3V5Q7R8S9T0V1W2X"), .fence = S("7.1"), .tenant = S("acme")};
	str said[2] = {STR_NONE, {(const char *)a, 0}};

	stage_open(&t);
	words.loan = S("9.h100-80g");
	str text = receipt_sign(&words, S("pod1"), S("node1"), t.key, a);
	t.real->agent = NULL;
	tell(&t,
		str_z(a,
			str_print(a,
				"{\"metadata\":{\"name\":\"pod1\",\"namespace\":\"d\",\"uid\":\"pod1\",\"resourceVersion\":\"2\",\"annotations\":"
				"{\"hami.io/vgpu-devices-allocated\":\"device1,NVIDIA,2000,25:;\",\"reeve.io/receipt\":\"" STR_FMT
				"\"}},\"spec\":{\"priorityClassName\":\"reeve-low\",\"nodeName\":\"node1\",\"containers\":[" ASK(
					"1", "2000", "25") "]},\"status\":{\"phase\":\"Running\"}}",
				STR_ARG(text))));
	cluster_ref c = real_cluster(t.real);
	c.can->list(c.self, let_in_heard, said);
	cr_assert(said[0].n);
	cr_expect(strstr(str_z(a, said[0]), "\"priority\":\"reeve-low\""), STR_FMT, STR_ARG(said[0]));
	stage_close(&t);
}
