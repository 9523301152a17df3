/* The Kubernetes client against a real API server: see README.md. */
#include <stdio.h>
#include <stdlib.h>
#include "agents/kube/follow.h"
#include "agents/kube/kube_write.h"
#include "agents/kube/leader.h"
#include "base/clock.h"
#include "base/id.h"
#include "json/doc.h"

enum { SKIPPED = 77, STEP_MS = 20000, MAPS = 7 };
#define NODE_FMT "reeve-test-%s"

static int failures;

#define CHECK(what, ...)                                                                                               \
	do {                                                                                                           \
		if (!(what)) {                                                                                         \
			(void)fprintf(stderr, "%s:%d: %s: ", __FILE__, __LINE__, #what);                               \
			(void)fprintf(stderr, __VA_ARGS__);                                                            \
			(void)fputc('\n', stderr);                                                                     \
			failures++;                                                                                    \
		}                                                                                                      \
	} while (0)

typedef struct world {
	loop *loop;
	kube *kube;
	arena *arena;
	const char *space, *node;
	long status; /* of the last call */
	str body, reason, message;
	bool is_answered;
	/* What the follow of config maps told. */
	follow *follow;
	uint32_t n_is, n_gone, n_listed;
	bool leads;
	loop_timer *late;
} world;

static void on_late(void *arg)
{
	world *w = arg;

	CHECK(false, "a step took longer than %d ms", STEP_MS);
	loop_stop(w->loop);
}

static void wait_for(world *w, bool (*is_there)(const world *w))
{
	loop_timer_arm(w->late, (int64_t)STEP_MS * 1000);
	while (!is_there(w) && !failures)
		loop_run(w->loop);
	loop_timer_disarm(w->late);
}

static bool has_answer(const world *w)
{
	return w->is_answered;
}

static void on_answer(void *arg, const kube_reply *r)
{
	world *w = arg;

	w->status = r->status;
	w->body = str_dup(w->arena, r->body);
	w->reason = str_dup(w->arena, r->reason);
	w->message = str_dup(w->arena, r->message);
	w->is_answered = true;
	CHECK(r->e == ERR_OK, "%s " STR_FMT, err_code(r->e), STR_ARG(r->message));
	loop_stop(w->loop);
}

static kube_done answer_to(world *w)
{
	w->is_answered = false;
	return (kube_done){on_answer, w};
}

static long call(world *w, const char *method, str path, str body)
{
	kube_request q = {.method = method, .path = path, .body = body, .on_done = on_answer, .arg = w};

	w->is_answered = false;
	(void)kube_send(w->kube, &q);
	wait_for(w, has_answer);
	return w->status;
}

#define TEXT(...) str_print(w->arena, __VA_ARGS__)

static void map_make(world *w, const char *prefix, int i)
{
	str path = TEXT("/api/v1/namespaces/%s/configmaps", w->space);
	str body = TEXT("{\"metadata\":{\"name\":\"%s-%d\"},\"data\":{\"n\":\"%d\"}}", prefix, i, i);

	CHECK(call(w, "POST", path, body) == 201, "%ld " STR_FMT, w->status, STR_ARG(w->message));
}

static void on_object(void *arg, const object_meta *m, str object)
{
	world *w = arg;

	(void)m;
	(void)object;
	w->n_is++;
	loop_stop(w->loop);
}

static void on_gone(void *arg, const object_meta *m, str object)
{
	world *w = arg;

	(void)m;
	(void)object;
	w->n_gone++;
	loop_stop(w->loop);
}

static void on_listed(void *arg)
{
	world *w = arg;

	w->n_listed++;
	loop_stop(w->loop);
}

static void on_trouble(void *arg, err e, long status, str why)
{
	(void)arg;
	(void)fprintf(stderr, "trouble: %s %ld " STR_FMT "\n", err_code(e), status, STR_ARG(why));
}

static bool is_listed(const world *w)
{
	return w->n_listed == 1;
}

static bool has_new(const world *w)
{
	return w->n_is == MAPS + 1;
}

static bool has_changed(const world *w)
{
	return w->n_is == MAPS + 2;
}

static bool has_gone(const world *w)
{
	return w->n_gone == 1;
}

static bool is_leader(const world *w)
{
	return w->leads;
}

/* Lists in pages of two (or as a stream), then sees one come, change and go. */
static void check_follow(world *w, bool may_stream)
{
	follow_spec s = {.loop = w->loop, .kube = w->kube, .page = 2, .may_stream = may_stream, .arg = w};
	const char *prefix = may_stream ? "streamed" : "paged";

	for (int i = 0; i < MAPS; i++)
		map_make(w, prefix, i);
	w->n_is = w->n_gone = w->n_listed = 0;
	s.path = TEXT("/api/v1/namespaces/%s/configmaps", w->space);
	s.selector = S("fieldSelector=metadata.name%21%3Dkube-root-ca.crt");
	s.on_object = on_object;
	s.on_gone = on_gone;
	s.on_listed = on_listed;
	s.on_trouble = on_trouble;
	w->follow = follow_open(&s);
	wait_for(w, is_listed);
	CHECK(w->n_is == MAPS, "%u objects", w->n_is);
	map_make(w, prefix, MAPS);
	wait_for(w, has_new);
	str path = TEXT("/api/v1/namespaces/%s/configmaps/%s-0", w->space, prefix);
	(void)kube_patch(w->kube, path, S("{\"data\":{\"n\":\"new\"}}"), answer_to(w));
	wait_for(w, has_changed);
	wait_for(w, has_answer); /* of the patch: the watch may be faster */
	CHECK(call(w, "DELETE", path, STR_NONE) == 200, "%ld", w->status);
	wait_for(w, has_gone);
	CHECK(follow_count(w->follow) == MAPS, "%u known", follow_count(w->follow));
	follow_close(w->follow);
	for (int i = 1; i <= MAPS; i++)
		(void)call(w, "DELETE", TEXT("/api/v1/namespaces/%s/configmaps/%s-%d", w->space, prefix, i), STR_NONE);
}

static str member(world *w, const char *object, const char *name)
{
	json_t *doc;

	if (doc_read(w->body, w->arena, &doc, NULL))
		return STR_NONE;
	json_t *at = object ? json_object_get(doc, object) : doc;
	return str_from(json_string_value(json_object_get(at, name)));
}

static str pod_make(world *w, const char *name)
{
	str path = TEXT("/api/v1/namespaces/%s/pods", w->space);
	str body = TEXT(
		"{\"metadata\":{\"name\":\"%s\"},\"spec\":{\"schedulerName\":\"nobody\",\"terminationGracePeriodSeconds\":0,"
		"\"containers\":[{\"name\":\"c\",\"image\":\"i\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\","
		"\"nvidia.com/gpumem\":\"8000\"}}}]}}",
		name);

	CHECK(call(w, "POST", path, body) == 201, "%ld " STR_FMT, w->status, STR_ARG(w->message));
	return member(w, "metadata", "uid");
}

static void bind_send(world *w, str uid)
{
	object_pair plan[] = {
		{S("hami.io/vgpu-devices-allocated"), S("GPU-a,NVIDIA,8000,0:;")}, {S("reeve.io/plan"), S("x")}};
	kube_binding b = {str_from(w->space), S("p1"), uid, str_from(w->node), plan, 2};

	(void)kube_bind(w->kube, &b, answer_to(w));
	wait_for(w, has_answer);
}

/* One call binds and annotates; a second, and one of another uid, change nothing. */
static void check_binding(world *w)
{
	str uid = pod_make(w, "p1");

	bind_send(w, S("00000000-0000-0000-0000-000000000000"));
	CHECK(w->status == 409 && str_eq(w->reason, S("Conflict")), "%ld " STR_FMT, w->status, STR_ARG(w->message));
	bind_send(w, uid);
	CHECK(w->status == 201, "%ld " STR_FMT, w->status, STR_ARG(w->message));
	bind_send(w, uid);
	CHECK(w->status == 409, "%ld " STR_FMT, w->status, STR_ARG(w->message));
	CHECK(call(w, "GET", TEXT("/api/v1/namespaces/%s/pods/p1", w->space), STR_NONE) == 200, "%ld", w->status);
	CHECK(str_eq(member(w, "spec", "nodeName"), str_from(w->node)), STR_FMT, STR_ARG(w->body));
	CHECK(strstr(str_z(w->arena, w->body), "GPU-a,NVIDIA,8000,0:;"), STR_FMT, STR_ARG(w->body));
	CHECK(strstr(str_z(w->arena, w->body), "\"nvidia.com/gpumem\":\"8k\""), "8000 comes back as 8k");
	(void)kube_evict(w->kube, str_from(w->space), S("p1"), uid, 0, answer_to(w));
	wait_for(w, has_answer);
	CHECK(w->status == 201, "%ld " STR_FMT, w->status, STR_ARG(w->message));
}

static void check_writes(world *w)
{
	kube_event e = {.kind = S("Pod"), .space = str_from(w->space), .object = S("p1"), .uid = S("u"), .count = 1};

	e.name = kube_event_name(S("p1"), w->arena);
	e.reason = S("Tested");
	e.message = S("an event");
	e.component = e.instance = S("reeve-agent");
	e.first_us = e.last_us = clock_now_us();
	(void)kube_event_send(w->kube, &e, answer_to(w));
	wait_for(w, has_answer);
	CHECK(w->status == 201, "%ld " STR_FMT, w->status, STR_ARG(w->message));
	str path = TEXT("/api/v1/nodes/%s/status", w->node);
	str body =
		TEXT("{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s\"},\"status\":{\"capacity\":"
		     "{\"nvidia.com/gpu\":\"8000\"}}}",
			w->node);
	(void)kube_apply(w->kube, path, S("reeve-agent"), body, answer_to(w));
	wait_for(w, has_answer);
	CHECK(w->status == 200 && strstr(str_z(w->arena, w->body), "\"nvidia.com/gpu\":\"8k\""), "%ld " STR_FMT,
		w->status, STR_ARG(w->body));
	CHECK(call(w, "GET", S("/api/v1/nodes/there-is-none"), STR_NONE) == 404, "%ld", w->status);
	CHECK(str_eq(w->reason, S("NotFound")), STR_FMT, STR_ARG(w->reason));
}

static void on_change(void *arg, bool leads)
{
	world *w = arg;

	w->leads = leads;
	loop_stop(w->loop);
}

static void check_leader(world *w)
{
	leader_spec s = {
		.loop = w->loop, .kube = w->kube, .space = str_from(w->space), .name = S("reeve-agent"), .arg = w};

	s.identity = S("one");
	s.on_change = on_change;
	leader *one = leader_open(&s);
	wait_for(w, is_leader);
	CHECK(leader_is(one), "nobody leads");
	leader_close(one);
	w->leads = false;
	s.identity = S("two");
	leader *two = leader_open(&s);
	wait_for(w, is_leader);
	CHECK(leader_is(two), "what was given up is not taken");
	leader_close(two);
	(void)call(w, "GET", S("/version"), STR_NONE);
}

static void check_all(world *w)
{
	str spaces = S("/api/v1/namespaces");

	CHECK(call(w, "POST", spaces, TEXT("{\"metadata\":{\"name\":\"%s\"}}", w->space)) == 201, STR_FMT,
		STR_ARG(w->message));
	CHECK(call(w, "POST", S("/api/v1/nodes"), TEXT("{\"metadata\":{\"name\":\"%s\"}}", w->node)) == 201, STR_FMT,
		STR_ARG(w->message));
	CHECK(call(w, "POST", TEXT("/api/v1/namespaces/%s/serviceaccounts", w->space),
		      S("{\"metadata\":{\"name\":\"default\"}}")) < 500,
		STR_FMT, STR_ARG(w->message));
	check_follow(w, false);
	check_follow(w, true);
	check_binding(w);
	check_writes(w);
	check_leader(w);
	(void)call(w, "DELETE", TEXT("/api/v1/nodes/%s", w->node), STR_NONE);
	(void)call(w, "DELETE", TEXT("/api/v1/namespaces/%s", w->space), STR_NONE);
}

int main(void)
{
	const char *config = getenv("KUBECONFIG");
	fault f = {0};
	login who;
	char name[9], lower[32];

	if (!config || !*config) {
		(void)fprintf(stderr, "skipped: KUBECONFIG names no cluster to test against\n");
		return SKIPPED;
	}
	world w = {.loop = loop_new(), .arena = arena_new(0)};
	if (login_config(config, NULL, w.arena, &who, &f)) {
		(void)fprintf(stderr, "%s: %s %s\n", config, f.pointer, f.detail);
		return 1;
	}
	random_text(name, 8);
	for (int i = 0; i < 9; i++)
		name[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] + 32 : name[i]);
	(void)snprintf(lower, sizeof(lower), NODE_FMT, name);
	w.space = w.node = lower;
	w.kube = kube_open(w.loop, &who, "reeve-test");
	w.late = loop_timer_new(w.loop, on_late, &w);
	check_all(&w);
	kube_close(w.kube);
	loop_timer_free(w.late);
	loop_free(w.loop);
	arena_end(w.arena);
	arena_trim();
	return failures ? 1 : 0;
}
