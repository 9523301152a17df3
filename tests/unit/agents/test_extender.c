#include <stdlib.h>
#include "agents/scheduling/extender/answer.h"
#include "agents/file.h"
#include "agents/kube/fields.h"
#include "cluster_fixture.h"
#include "engine/fit.h"
#include "json/doc.h"

typedef struct stage {
	stock *stock;
	extender *x;
	buf out;
} stage;

static void stage_open(stage *t, stock *s)
{
	extender_spec spec = {.stock = s, .by_default = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD}};

	t->stock = s;
	t->x = extender_new(&spec);
	buf_init(&t->out, 64 << 20);
}

static void stage_close(stage *t)
{
	extender_free(t->x);
	stock_free(t->stock);
	buf_done(&t->out);
	arena_trim();
}

static void filter_is(stage *t, const char *body, const char *answer)
{
	for (int i = 0; i < 4; i++) {
		buf_clear(&t->out);
		extender_filter(t->x, str_from(body), &t->out);
		cr_expect(str_eq(buf_str(&t->out), str_from(answer)), "call %d:\n" STR_FMT "\nnot\n%s", i,
			STR_ARG(buf_str(&t->out)), answer);
	}
}

static void prioritize_is(stage *t, const char *body, const char *answer)
{
	bool is_bad;

	buf_clear(&t->out);
	extender_prioritize(t->x, str_from(body), &t->out, &is_bad);
	cr_expect_not(is_bad);
	cr_expect(str_eq(buf_str(&t->out), str_from(answer)), STR_FMT "\nnot\n%s", STR_ARG(buf_str(&t->out)), answer);
}

#define PENDING_OF(space, annotations, containers)                                                                     \
	"{\"metadata\":{\"name\":\"new\",\"namespace\":\"" space "\",\"uid\":\"new\",\"resourceVersion\":\"9\","       \
	"\"annotations\":{" annotations "}},\"spec\":{\"containers\":[" containers                                     \
	"]},\"status\":{\"phase\":\"Pending\"}}"
#define PENDING(annotations, containers) PENDING_OF("d", annotations, containers)
#define NAMES(pod, names)                "{\"Pod\":" pod ",\"Nodes\":null,\"NodeNames\":[" names "]}"
#define BOTH                             "\"node1\",\"node2\""
#define PASSED(names, failed, final)                                                                                   \
	"{\"NodeNames\":[" names "],\"Nodes\":null,\"FailedNodes\":{" failed                                           \
	"},\"FailedAndUnresolvableNodes\":{" final "},\"Error\":\"\"}"

Test(extender, filters_by_name_with_short_reasons)
{
	stage t;

	stage_open(&t, f2x2_new());
	filter_is(&t, NAMES(PENDING("", ASK("1", "1000", "20")), BOTH), PASSED(BOTH, "", ""));
	/* 75 % of one card of node2 is used, and nothing of the other. */
	filter_is(&t, NAMES(PENDING("", ASK("2", "1000", "30")), BOTH ",\"other\""),
		PASSED("\"node1\"", "\"node2\":\"too little free on its devices\"",
			"\"other\":\"no device of this kind\""));
	filter_is(&t, NAMES(PENDING("", ASK("3", "1000", "30")), BOTH),
		PASSED("", "",
			"\"node1\":\"devices too few or too small\",\"node2\":\"devices too few or too small\""));
	filter_is(&t, NAMES(PENDING("", ASK("1", "9000", "0")), BOTH),
		PASSED("", "",
			"\"node1\":\"devices too few or too small\",\"node2\":\"devices too few or too small\""));
	stage_close(&t);
}

Test(extender, a_pod_without_devices_goes_anywhere)
{
	stage t;

	stage_open(&t, f2x2_new());
	filter_is(&t,
		NAMES(PENDING("", "{\"name\":\"c\",\"resources\":{\"limits\":{\"cpu\":\"1\"}}}"), "\"x\",\"node1\""),
		PASSED("\"x\",\"node1\"", "", ""));
	stage_close(&t);
}

Test(extender, a_kind_that_nobody_has_is_nowhere)
{
	stage t;

	stage_open(&t, f2x2_new());
	filter_is(&t,
		NAMES(PENDING("", "{\"name\":\"c\",\"resources\":{\"limits\":{\"hygon.com/dcunum\":\"1\"}}}"), BOTH),
		PASSED("", "", "\"node1\":\"no device of this kind\",\"node2\":\"no device of this kind\""));
	stage_close(&t);
}

Test(extender, obeys_selections_of_type_and_device)
{
	stage t;

	stage_open(&t, f2x2_new());
#define WITH(key, value) NAMES(PENDING("\"" key "\":\"" value "\"", ASK("1", "1000", "0")), BOTH)
	filter_is(&t, WITH("nvidia.com/use-gpuuuid", "device3, x"),
		PASSED("\"node2\"", "", "\"node1\":\"no device of this kind\""));
	filter_is(&t, WITH("nvidia.com/nouse-gpuuuid", "device1,device2"),
		PASSED("\"node2\"", "", "\"node1\":\"no device of this kind\""));
	filter_is(&t, WITH("nvidia.com/use-gputype", "nvidia"), PASSED(BOTH, "", ""));
	filter_is(&t, WITH("nvidia.com/use-gputype", "A100"),
		PASSED("", "", "\"node1\":\"no device of this kind\",\"node2\":\"no device of this kind\""));
	filter_is(&t, WITH("nvidia.com/nouse-gputype", "A100"), PASSED(BOTH, "", ""));
	stage_close(&t);
}

Test(extender, says_what_cannot_be_meant_without_a_percent_sign)
{
	stage t;

	stage_open(&t, f2x2_new());
	filter_is(&t, NAMES(PENDING("", ASK("1", "16Gi", "0")), BOTH),
		"{\"NodeNames\":[],\"Nodes\":null,\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},\"Error\":"
		"\"nvidia.com/gpumem counts in units of 1 MiB and no device has 16Gi of them; if bytes were meant, write 16384\"}");
	filter_is(&t,
		NAMES(PENDING("\"hami.io/device-scoring-weights\":\"slot=1,core=9%d\"", ASK("1", "1", "0")), BOTH),
		"{\"NodeNames\":[],\"Nodes\":null,\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},\"Error\":"
		"\"hami.io/device-scoring-weights is not of the form slot=1,core=1,memory=1: slot=1,core=9 percentd\"}");
	filter_is(&t, "{\"Pod\":null,\"NodeNames\":[\"n1\"]}",
		"{\"NodeNames\":[],\"Nodes\":null,\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},\"Error\":"
		"\"extender args missing pod\"}");
	stage_close(&t);
}

Test(extender, ranks_by_steps_that_no_other_score_can_turn)
{
	stage t;

#define POLICY(node) PENDING("\"hami.io/node-scheduler-policy\":\"" node "\"", ASK("1", "1000", "20"))
	stage_open(&t, f2x2_new());
	prioritize_is(&t, NAMES(POLICY("binpack"), BOTH),
		"[{\"Host\":\"node1\",\"Score\":1000},{\"Host\":\"node2\",\"Score\":2000}]");
	prioritize_is(&t, NAMES(POLICY("spread"), BOTH ",\"z\""),
		"[{\"Host\":\"node1\",\"Score\":2000},{\"Host\":\"node2\",\"Score\":1000},{\"Host\":\"z\",\"Score\":0}]");
	stage_close(&t);
}

Test(extender, a_name_may_come_with_escapes_or_blanks)
{
	static const char *const forms[] = {
		"\"node\\u0031\",\"node2\"", " \"node1\" , \"node2\" ", "\"node1\",\"n\\u006fde2\""};
	stage t;

	stage_open(&t, f2x2_new());
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		const char *body = str_z(a, str_print(a, NAMES("%s", "%s"), POLICY("binpack"), forms[i]));
		filter_is(&t, body, PASSED(BOTH, "", ""));
		prioritize_is(&t, body, "[{\"Host\":\"node1\",\"Score\":1000},{\"Host\":\"node2\",\"Score\":2000}]");
	}
	stage_close(&t);
}

/* Names in any order, more than once, and with strangers between: each gets what it would get alone. */
Test(extender, names_come_in_any_order)
{
	static const char *const forms[] = {
		"n1,n10,n2,n3,n11",
		"n11,n3,n2,n10,n1",
		"n2,n3,n3,n11,n1,n10,n2",
		"n,n1,n1x,n10,n2,n3,n111,n11,z",
		"n10,n2,x,n3,n11,n1",
	};
	static const struct {
		const char *name, *score;
	} ranks[] = {{"n1", "5000"}, {"n10", "4000"}, {"n2", "3000"}, {"n3", "2000"}, {"n11", "1000"}};
	stage t;

	stage_open(&t, stock_new());
	for (size_t i = 0; i < 5; i++) {
		AUTO_ARENA a = arena_new(0);
		node_tell(t.stock, str_z(a, str_print(a, NODE("%s", CARD("G-%s", "8000", "10")), ranks[i].name,
						    ranks[i].name, ranks[i].name)));
	}
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		AUTO_ARENA a = arena_new(0);
		buf names, wanted;
		int n = 0;
		buf_init(&names, 1 << 16);
		buf_init(&wanted, 1 << 16);
		for (str rest = str_from(forms[i]); rest.p; n++) {
			str one = str_split(&rest, ',');
			bool is_known = false;
			buf_printf(&names, "%s\"" STR_FMT "\"", n ? "," : "", STR_ARG(one));
			for (size_t k = 0; k < 5; k++)
				is_known |= str_eq(one, str_from(ranks[k].name));
			if (is_known)
				buf_printf(&wanted, "%s\"" STR_FMT "\"", wanted.n ? "," : "", STR_ARG(one));
		}
		str body = str_print(a, NAMES(POLICY("binpack"), STR_FMT), STR_ARG(buf_str(&names)));
		buf_clear(&t.out);
		extender_filter(t.x, body, &t.out);
		str passed = str_print(a, "{\"NodeNames\":[" STR_FMT "],", STR_ARG(buf_str(&wanted)));
		cr_expect(str_starts(buf_str(&t.out), passed), "%s: " STR_FMT, forms[i], STR_ARG(buf_str(&t.out)));
		buf_done(&names);
		buf_done(&wanted);
		if (n != 5)
			continue;
		bool is_bad;
		buf_clear(&t.out);
		extender_prioritize(t.x, body, &t.out, &is_bad);
		for (size_t k = 0; k < 5; k++) {
			const char *one =
				str_z(a, str_print(a, "{\"Host\":\"%s\",\"Score\":%s}", ranks[k].name, ranks[k].score));
			cr_expect(strstr(str_z(a, buf_str(&t.out)), one), "%s: " STR_FMT, forms[i],
				STR_ARG(buf_str(&t.out)));
		}
	}
	stage_close(&t);
}

/* HAMi's cases 1 to 5: which node, and which card on it. */
typedef struct chosen {
	const char *node_policy, *device_policy, *init, *node, *device;
} chosen;

static void chosen_is(const chosen *r)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	pod p;
	pod_ask *q = ARENA_NEW(a, pod_ask);
	fit_need need;
	fit_choice *c = ARENA_NEW(a, fit_choice);
	why_code code;
	str text = str_print(a,
		"{\"metadata\":{\"name\":\"n\",\"namespace\":\"d\",\"uid\":\"n\",\"resourceVersion\":\"1\",\"annotations\":{"
		"\"hami.io/node-scheduler-policy\":\"%s\",\"hami.io/gpu-scheduler-policy\":\"%s\"}},\"spec\":{%s"
		"\"containers\":[%s]}}",
		r->node_policy, r->device_policy, r->init, *r->init ? ASK("1", "4000", "20") : ASK("1", "1000", "20"));

	stage_open(&t, f2x2_new());
	cr_assert_eq(pod_read(text, a, &p), ERR_OK);
	cr_assert_eq(pod_ask_read(&p, t.stock, (pod_policies){0, 0}, a, q, NULL), ERR_OK);
	fit_prepare(&need, &q->a, &q->group, NULL);
	fleet *f = stock_fleet(t.stock);
	int32_t one = stock_node_find(t.stock, S("node1")), two = stock_node_find(t.stock, S("node2"));
	int32_t best = fit_rate(f, &need, one) >= fit_rate(f, &need, two) ? one : two;
	cr_expect(best == stock_node_find(t.stock, str_from(r->node)), "%s/%s: not %s", r->node_policy,
		r->device_policy, r->node);
	cr_assert(fit_choose(f, &need, best, c, &code));
	cr_assert_eq(c->n, 1);
	str uuid = f->device_uuids.v[f->cell_devices.v[c->v[0].cell]];
	cr_expect(str_eq(uuid, str_from(r->device)), "%s/%s: " STR_FMT " not %s", r->node_policy, r->device_policy,
		STR_ARG(uuid), r->device);
	if (*r->init)
		cr_expect_eq(c->v[0].memory_mib, 5000, "the larger of both, not their sum");
	stage_close(&t);
}

Test(extender, chooses_as_hami_does)
{
	static const chosen rows[] = {
		{"binpack", "binpack", "", "node2", "device4"},
		{"binpack", "spread", "", "node2", "device3"},
		{"spread", "binpack", "", "node1", "device1"},
		{"spread", "spread", "", "node1", "device2"},
		{"binpack", "binpack", "\"initContainers\":[" ASK("1", "5000", "20") "],", "node2", "device3"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		chosen_is(&rows[i]);
}

Test(extender, whole_nodes_come_back_as_they_came)
{
	stage t;

	stage_open(&t, f2x2_new());
#define WHOLE(name) "{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"5\"},\"spec\":{\"odd\":[1.5,null]}}"
#define TEMPLATE    NODE("template", CARD("T-0", "16000", "10"))
	filter_is(&t,
		"{\"Pod\":" PENDING("", ASK("1", "9000", "0")) ",\"Nodes\":{\"metadata\":{},\"items\":[" WHOLE(
			"node1") "," TEMPLATE "," WHOLE("bare") "]},\"NodeNames\":null}",
		"{\"Nodes\":{\"items\":[" TEMPLATE
		"]},\"NodeNames\":null,\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{"
		"\"node1\":\"devices too few or too small\",\"bare\":\"no device of this kind\"},\"Error\":\"\"}");
	cr_expect_eq(stock_node_find(t.stock, S("template")), FLEET_NONE, "asking changed something");
	stage_close(&t);
}

#define VICTIMS(node, uid) "\"" node "\":{\"Pods\":[{\"UID\":\"" uid "\"}],\"NumPDBViolations\":0}"

static void preempt_is(stage *t, const char *body, const char *answer)
{
	bool is_bad;

	buf_clear(&t->out);
	extender_preempt(t->x, str_from(body), &t->out, &is_bad);
	cr_expect_not(is_bad);
	cr_expect(str_eq(buf_str(&t->out), str_from(answer)), STR_FMT "\nnot\n%s", STR_ARG(buf_str(&t->out)), answer);
}

Test(extender, keeps_the_victims_that_help_and_are_of_the_same_tenant)
{
	stage t;

	/* Two cards of 70 % are free on node1 only with pod1 gone, on node2 with pod2. pod9 is not known. */
#define PREEMPT(pod, victims) "{\"Pod\":" pod ",\"NodeNameToVictims\":null,\"NodeNameToMetaVictims\":{" victims "}}"
	stage_open(&t, f2x2_new());
	preempt_is(&t,
		PREEMPT(PENDING("", ASK("2", "7000", "80")), VICTIMS("node1", "pod1") "," VICTIMS("node2", "pod9")),
		"{\"NodeNameToMetaVictims\":{" VICTIMS("node1", "pod1") "}}");
	preempt_is(&t, PREEMPT(PENDING("", ASK("2", "9000", "80")), VICTIMS("node1", "pod1")),
		"{\"NodeNameToMetaVictims\":{}}");
	preempt_is(&t, PREEMPT(PENDING_OF("other", "", ASK("2", "7000", "80")), VICTIMS("node1", "pod1")),
		"{\"NodeNameToMetaVictims\":{}}");
	filter_is(&t, NAMES(PENDING("", ASK("2", "7000", "80")), "\"node1\""),
		PASSED("", "\"node1\":\"too little free on its devices\"", ""));
	stage_close(&t);
}

/* The filter's word for it is one that eviction could help, so the scheduler asks. */
Test(extender, nobody_goes_for_a_pod_that_more_room_does_not_help)
{
	stage t;
	quotas *quota = quotas_new();
	extender_spec spec = {.by_default = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD}, .quotas = quota};
	stock_share share = {S("device3"), 1000, 0, 1};

	stage_open(&t, f2x2_new());
	preempt_is(&t, PREEMPT(PENDING("", ASK("2", "7000", "80")), VICTIMS("node1", "pod1")),
		"{\"NodeNameToMetaVictims\":{" VICTIMS("node1", "pod1") "}}");
	extender_free(t.x);
	spec.stock = t.stock;
	t.x = extender_new(&spec);
	cr_assert_eq(quotas_put(quota,
			     S("{\"metadata\":{\"name\":\"q\",\"namespace\":\"d\",\"resourceVersion\":\"1\"},\"spec\":{"
			       "\"hard\":{\"limits.nvidia.com/gpumem\":\"9000\"}}}")),
		ERR_OK);
	preempt_is(&t, PREEMPT(PENDING("", ASK("2", "7000", "80")), VICTIMS("node1", "pod1")),
		"{\"NodeNameToMetaVictims\":{}}");
	quotas_drop(quota, S("d"), S("q"));
	preempt_is(&t, PREEMPT(PENDING("", ASK("2", "7000", "80")), VICTIMS("node1", "pod1")),
		"{\"NodeNameToMetaVictims\":{" VICTIMS("node1", "pod1") "}}");
	stock_reserve(t.stock, S("new"), S("d"), S("node2"), &share, 1);
	preempt_is(&t, PREEMPT(PENDING("", ASK("2", "7000", "80")), VICTIMS("node1", "pod1")),
		"{\"NodeNameToMetaVictims\":{}}");
	quotas_free(quota);
	stage_close(&t);
}

Test(extender, victims_may_come_whole)
{
	stage t;

	stage_open(&t, f2x2_new());
	preempt_is(&t,
		"{\"Pod\":" PENDING("", ASK("2", "7000", "80")) ",\"NodeNameToVictims\":{\"node1\":{\"Pods\":[" RUNNING(
			"pod1", "node1", "device1,NVIDIA,2000,25:;",
			ASK("1", "2000", "25")) "],\"NumPDBViolations\":2}},\"NodeNameToMetaVictims\":null}",
		"{\"NodeNameToMetaVictims\":{\"node1\":{\"Pods\":[{\"UID\":\"pod1\"}],\"NumPDBViolations\":2}}}");
	stage_close(&t);
}

static bool all_but_low(void *arg, str uid)
{
	(void)arg;
	return !str_eq(uid, S("low"));
}

/* The scheduler counts whole devices: whom it takes may leave too little memory. */
Test(extender, adds_victims_where_memory_or_compute_is_short)
{
	static const char *const pods[] = {
		"low", "node1", "device1,NVIDIA,6000,10:;", "1", "mid", "node1", "device2,NVIDIA,6000,10:;", "5"};
	stage t;

	stage_open(&t, f2x2_new());
	for (size_t i = 0; i < sizeof(pods) / sizeof(pods[0]); i += 4) {
		AUTO_ARENA a = arena_new(0);
		str text = str_print(a,
			"{\"metadata\":{\"name\":\"%s\",\"namespace\":\"d\",\"uid\":\"%s\",\"resourceVersion\":\"1\","
			"\"annotations\":{\"hami.io/vgpu-devices-allocated\":\"%s\"}},\"spec\":{\"nodeName\":\"%s\","
			"\"priority\":%s,\"containers\":[" ASK(
				"1", "6000", "10") "]},\"status\":{\"phase\":\"Running\"}}",
			pods[i], pods[i], pods[i + 2], pods[i + 1], pods[i + 3]);
		cr_assert_eq(pod_tell(t.stock, str_z(a, text)), ERR_OK);
	}
#define URGENT(policy)                                                                                                 \
	"{\"metadata\":{\"name\":\"new\",\"namespace\":\"" policy                                                      \
	"\",\"uid\":\"new\",\"resourceVersion\":\"9\"},\"spec\":{\"priority\":7,\"containers\":[" ASK(                 \
		"2", "7000", "10") "]},\"status\":{\"phase\":\"Pending\"}}"
	preempt_is(&t, PREEMPT(URGENT("d"), VICTIMS("node1", "low")),
		"{\"NodeNameToMetaVictims\":{\"node1\":{\"Pods\":[{\"UID\":\"low\"},{\"UID\":\"pod1\"},{\"UID\":\"mid\"}],"
		"\"NumPDBViolations\":0}}}");
	preempt_is(&t, PREEMPT(URGENT("other"), VICTIMS("node1", "low")), "{\"NodeNameToMetaVictims\":{}}");
	/* One of a gang: the server alone has it yield. */
	extender_free(t.x);
	t.x = extender_new(&(extender_spec){.stock = t.stock, .may_yield = all_but_low});
	preempt_is(&t, PREEMPT(URGENT("d"), VICTIMS("node1", "low")), "{\"NodeNameToMetaVictims\":{}}");
	stage_close(&t);
}

Test(extender, what_runs_and_what_is_being_bound_both_count)
{
	stage t;
	stock_share share = {S("device2"), 8000, 1000, 1};

	stage_open(&t, f2x2_new());
	stock_reserve(t.stock, S("r"), S("d"), S("node1"), &share, 1);
	filter_is(&t, NAMES(PENDING("", ASK("1", "7000", "10")), BOTH),
		PASSED("\"node2\"", "\"node1\":\"too little free on its devices\"", ""));
	stock_release(t.stock, S("r"));
	filter_is(&t, NAMES(PENDING("", ASK("1", "7000", "10")), BOTH), PASSED(BOTH, "", ""));
	/* Seen bound, it stays; over, it is gone. */
	cr_assert_eq(
		pod_tell(t.stock, RUNNING("r", "node1", "device2,NVIDIA,8000,100:;", ASK("1", "8000", "100"))), ERR_OK);
	stock_release(t.stock, S("r"));
	filter_is(&t, NAMES(PENDING("", ASK("1", "7000", "10")), "\"node1\""),
		PASSED("", "\"node1\":\"too little free on its devices\"", ""));
	stock_pod_drop(t.stock, S("r"));
	filter_is(&t, NAMES(PENDING("", ASK("1", "7000", "10")), "\"node1\""), PASSED("\"node1\"", "", ""));
	stage_close(&t);
}

Test(extender, a_pod_that_is_being_bound_goes_nowhere_else)
{
	stage t;
	stock_share share = {S("device1"), 6000, 100, 1};

	stage_open(&t, f2x2_new());
	stock_reserve(t.stock, S("new"), S("d"), S("node1"), &share, 1);
	filter_is(&t, NAMES(PENDING("", ASK("1", "6000", "10")), BOTH),
		PASSED("\"node1\"", "\"node2\":\"being bound to another node\"", ""));
	stage_close(&t);
}

Test(extender, pods_may_be_told_before_their_node)
{
	stage t;

	stage_open(&t, stock_new());
	cr_assert_eq(pod_tell(t.stock, RUNNING("p", "n", "G,NVIDIA,8000,100:;", ASK("1", "8000", "100"))), ERR_OK);
	node_tell(t.stock, NODE("n", CARD("G", "8000", "10")));
	filter_is(&t, NAMES(PENDING("", ASK("1", "1000", "10")), "\"n\""),
		PASSED("", "\"n\":\"too little free on its devices\"", ""));
	node_tell(t.stock, NODE("n", CARD("G", "8000", "10") "," CARD("H", "8000", "10")));
	filter_is(&t, NAMES(PENDING("", ASK("1", "1000", "10")), "\"n\""), PASSED("\"n\"", "", ""));
	stock_node_drop(t.stock, S("n"));
	filter_is(&t, NAMES(PENDING("", ASK("1", "1000", "10")), "\"n\""),
		PASSED("", "", "\"n\":\"no device of this kind\""));
	stage_close(&t);
}

static str recorded_body(const char *name, arena *a)
{
	AUTO_ARENA mine = arena_new(0);
	char path[256];
	str text;
	json_t *doc;

	(void)snprintf(path, sizeof(path), RECORDED "/extender/%s.json", name);
	cr_assert_eq(file_read(path, mine, &text, NULL), ERR_OK, "%s", path);
	doc = json_loadb(text.p, text.n, 0, NULL);
	cr_assert(doc);
	str body = str_dup(a, str_from(json_string_value(json_object_get(doc, "request_body_text"))));
	json_decref(doc);
	return body;
}

Test(extender, answers_what_a_real_scheduler_asked)
{
	AUTO_ARENA a = arena_new(0);
	stage t;
	args_room room = {0};
	extender_args args;
	preemption_args victims;
	binding_args b;

	stage_open(&t, f2x2_new());
	filter_is(&t, str_z(a, recorded_body("filter-names", a)),
		"{\"NodeNames\":[\"n1\",\"n2\",\"n3\"],\"Nodes\":null,\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{},"
		"\"Error\":\"\"}");
	cr_assert_eq(extender_args_read(recorded_body("filter-full-nodes", a), a, t.stock, &room, &args, NULL), ERR_OK);
	cr_expect(args.is_whole && args.n == 3 && str_eq(args.nodes[0].name, S("n2")) && args.objects[0].n > 1000);
	cr_assert_eq(preemption_args_read(recorded_body("preempt-meta-victims", a), a, &victims, NULL), ERR_OK);
	cr_expect(victims.n == 2 && victims.nodes[0].n == 1 && victims.nodes[1].n == 3);
	preempt_is(&t, str_z(a, recorded_body("preempt-meta-victims", a)),
		"{\"NodeNameToMetaVictims\":{\"n1\":{\"Pods\":[{\"UID\":\"8685ca56-e12c-4821-95d5-d63f3167d947\"}],"
		"\"NumPDBViolations\":0},\"n3\":{\"Pods\":[{\"UID\":\"77b7b9a1-23ce-4481-820e-fd311c23e7c9\"},{\"UID\":"
		"\"631a85d2-9a13-4a70-91a4-a6f302e232f3\"},{\"UID\":\"2c77c237-4d22-456f-9436-beb8b27d55be\"}],"
		"\"NumPDBViolations\":0}}}");
	cr_assert_eq(binding_args_read(recorded_body("bind", a), a, &b, NULL), ERR_OK);
	cr_expect(str_eq(b.pod, S("p1")) && str_eq(b.space, S("default")) && str_eq(b.node, S("n3")));
	cr_expect(str_eq(b.uid, S("f6a714e0-6876-471a-accb-6130e9afb7d6")));
	args_room_done(&room);
	stage_close(&t);
}

/* The pod of the recordings, asking for what we govern: the same bytes but for the resources' names. */
static str governed(str body, arena *a)
{
	buf b;

	buf_init(&b, 1 << 20);
	for (uint32_t i = 0; i < body.n; i++) {
		str rest = str_cut(body, i, body.n);
		if (str_starts(rest, S("example.com/gpumem"))) {
			buf_add_str(&b, S("nvidia.com/gpumem"));
			i += (uint32_t)sizeof("example.com/gpumem") - 2;
		} else if (str_starts(rest, S("example.com/vgpu"))) {
			buf_add_str(&b, S("nvidia.com/gpu"));
			i += (uint32_t)sizeof("example.com/vgpu") - 2;
		} else {
			buf_add_char(&b, body.p[i]);
		}
	}
	str text = str_dup(a, buf_str(&b));
	buf_done(&b);
	return text;
}

Test(extender, answers_it_for_devices_too)
{
	AUTO_ARENA a = arena_new(0);
	stage t;

	stage_open(&t, stock_new());
	node_tell(t.stock, NODE("n1", CARD("G1", "7999", "10")));
	node_tell(t.stock, NODE("n2", CARD("G2", "8000", "10")));
	/* 8000 was asked for and came as "8k". */
	filter_is(&t, str_z(a, governed(recorded_body("filter-names", a), a)),
		"{\"NodeNames\":[\"n2\"],\"Nodes\":null,\"FailedNodes\":{},\"FailedAndUnresolvableNodes\":{\"n1\":"
		"\"devices too few or too small\",\"n3\":\"no device of this kind\"},\"Error\":\"\"}");
	stage_close(&t);
}
