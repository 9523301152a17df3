/* Pods as queues and other schedulers in front of us make them: gates, groups, names of their own. */
#include "admission_fixture.h"
#include "real_stage.h"

loop *fake_loop;

#define NOW_US  ((int64_t)1800000000 * 1000000)
#define LIMITED "\"containers\":[" ASK("1", "1000", "10") "]"
#define MADE(meta, spec)                                                                                               \
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"name\":\"new\",\"namespace\":\"d\"" meta              \
	"},\"spec\":{" spec LIMITED "},\"status\":{\"phase\":\"Pending\"}}"
#define LABELLED(pairs) ",\"labels\":{" pairs "}"
#define NOTED(pairs)    ",\"annotations\":{" pairs "}"
#define GATED(name)     "\"schedulingGates\":[{\"name\":\"" name "\"}],"
#define NAMED(name)     "\"schedulerName\":\"" name "\","

typedef struct front {
	const char *what, *pod, *scheduler;
	bool is_gated;
} front;

/* By the fields that each of them documents for its users' pods. */
static const front fronts[] = {
	{"Kueue, one pod",
		MADE(LABELLED("\"kueue.x-k8s.io/queue-name\":\"q\",\"kueue.x-k8s.io/managed\":\"true\""),
			GATED("kueue.x-k8s.io/admission") NAMED("default-scheduler")),
		"reeve-scheduler", true},
	{"Kueue, a pod of a group",
		MADE(LABELLED("\"kueue.x-k8s.io/queue-name\":\"q\",\"kueue.x-k8s.io/pod-group-name\":\"g\"")
				NOTED("\"kueue.x-k8s.io/pod-group-total-count\":\"2\""),
			GATED("kueue.x-k8s.io/admission") NAMED("default-scheduler")),
		"reeve-scheduler", true},
	{"Kueue, after its gate",
		MADE(LABELLED("\"kueue.x-k8s.io/queue-name\":\"q\""),
			"\"schedulingGates\":[]," NAMED("default-scheduler")),
		"reeve-scheduler", false},
	{"Volcano",
		MADE(NOTED("\"scheduling.k8s.io/group-name\":\"g\",\"volcano.sh/queue-name\":\"q\",\"volcano.sh/task-spec\":"
			   "\"worker\""),
			NAMED("volcano")),
		"volcano", false},
	{"Koordinator, a gang by annotations",
		MADE(NOTED("\"gang.scheduling.koordinator.sh/name\":\"g\",\"gang.scheduling.koordinator.sh/min-available\":"
			   "\"2\"") LABELLED("\"koordinator.sh/qosClass\":\"LS\""),
			NAMED("koord-scheduler") "\"priorityClassName\":\"koord-prod\",\"priority\":9100,"),
		"koord-scheduler", false},
	{"Koordinator and coscheduling, a PodGroup",
		MADE(LABELLED("\"scheduling.x-k8s.io/pod-group\":\"g\",\"pod-group.scheduling.sigs.k8s.io\":\"g\""),
			NAMED("koord-scheduler")),
		"koord-scheduler", false},
};
#define FRONTS (sizeof(fronts) / sizeof(fronts[0]))

static str tenant_of(void *arg, str space)
{
	(void)arg;
	return str_eq(space, S("d")) ? S("acme") : STR_NONE;
}

/* All that stood there stands there still; more may have come. */
static bool holds_all(json_t *now, json_t *before)
{
	const char *key;
	json_t *value;

	json_object_foreach(before, key, value) if (!json_equal(json_object_get(now, key), value)) return false;
	return true;
}

static json_t *member(json_t *of, const char *part, const char *name)
{
	return json_object_get(json_object_get(of, part), name);
}

Test(fronts, what_they_write_on_their_pods_stays_and_the_rest_holds)
{
	for (size_t i = 0; i < FRONTS; i++) {
		admission x = {.rules = {.scheduler = "reeve-scheduler", .tenant_of = tenant_of}};
		json_t *object = doc_of(fronts[i].pod);
		verdict is = pod_judge(&x, "d", object);
		cr_assert(is.allowed, "%s: %s", fronts[i].what, is.message);
		cr_expect_str_eq(text_at(is.pod, "/spec/schedulerName"), fronts[i].scheduler, "%s", fronts[i].what);
		cr_expect_str_eq(
			text_at(is.pod, "/metadata/annotations/reeve.io~1tenant"), "acme", "%s", fronts[i].what);
		cr_expect(holds_all(member(is.pod, "metadata", "labels"), member(object, "metadata", "labels")), "%s",
			fronts[i].what);
		cr_expect(
			holds_all(member(is.pod, "metadata", "annotations"), member(object, "metadata", "annotations")),
			"%s", fronts[i].what);
		json_t *gates = member(object, "spec", "schedulingGates");
		cr_expect(!gates || json_equal(member(is.pod, "spec", "schedulingGates"), gates), "%s", fronts[i].what);
		verdict_done(&is);
		json_decref(object);
	}
	arena_trim();
}

/* The pod as its scheduler sends it: stored, so with a uid. */
static str stored(const front *f, arena *a)
{
	const char *at = strstr(f->pod, "\"name\":\"new\"");

	return str_print(a, "%.*s\"uid\":\"new\",\"resourceVersion\":\"1\",%s", (int)(at - f->pod), f->pod, at);
}

Test(fronts, their_schedulers_are_answered_as_any_other)
{
	for (size_t i = 0; i < FRONTS; i++) {
		AUTO_ARENA a = arena_new(0);
		stock *s = card_new();
		extender *x = extender_new(&(extender_spec){.stock = s});
		buf out;
		pod p;
		str text = stored(&fronts[i], a);
		buf_init(&out, 1 << 16);
		cr_assert_eq(pod_read(text, a, &p), ERR_OK);
		cr_expect_eq(p.is_gated, fronts[i].is_gated, "%s", fronts[i].what);
		extender_filter(x, str_print(a, "{\"Pod\":" STR_FMT ",\"NodeNames\":[\"n\"]}", STR_ARG(text)), &out);
		cr_expect(str_starts(buf_str(&out), S("{\"NodeNames\":[\"n\"]")), "%s: " STR_FMT, fronts[i].what,
			STR_ARG(buf_str(&out)));
		buf_done(&out);
		extender_free(x);
		stock_free(s);
	}
	arena_trim();
}

static void pod_heard(void *arg, const cluster_pod *p)
{
	(void)p;
	++*(int *)arg;
}

/* What a queue still holds back is no want of ours: the tenant would be charged for what may never start. */
Test(fronts, a_gate_is_waited_for)
{
	static sync_class classes[] = {{{"NVIDIA", 6}, {"h100-80g", 8}}};

	for (size_t i = 0; i < FRONTS; i++) {
		AUTO_ARENA a = arena_new(0);
		cluster_events e = {.on_pod = pod_heard};
		int n_asked = 0;
		stage t;
		e.arg = &n_asked;
		stage_open(&t, str_z(a, stored(&fronts[i], a)));
		cr_assert(models_take(&t.real->models, &(sync_config){.classes = {classes, 1}}));
		t.agent.is_in_touch = true;
		while (waits_look(t.real, &e, NOW_US) && t.real->is_scanning)
			;
		cr_expect_eq(n_asked, fronts[i].is_gated ? 0 : 1, "%s", fronts[i].what);
		stage_close(&t);
	}
}
