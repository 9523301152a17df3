/* conformance: a pod's whole way through the agent in words: admitted, filtered, ranked, given devices.
 */
#pragma once
#include "admission_fixture.h"
#include "agents/scheduling/grant.h"
#include "cluster_fixture.h"

/* What a row gives, and what must come of it:
 *
 *     !code words      refused at admission with that code, in a message that has the words
 *     -words           admitted, and every node is refused for a reason that has the words
 *     ?words           the extender answers with an error that has the words
 *     node KEY=text    it goes to that node with that annotation; of several, parted by bars, any
 */
typedef struct way {
	int nr;
	const char *rule;
	const char *nodes, *running, *quotas; /* objects, between commas */
	const char *pod;
	bool skips_admission;
	const char *outcome;
} way;

typedef struct course {
	stock *stock;
	quotas *quotas;
	admission admission;
	json_t *nodes;
	arena *a;
	char out[4096];
} course;

static inline json_t *objects_of(const char *list)
{
	size_t n = strlen(list) + 3;
	char *text = calloc(1, n);

	(void)snprintf(text, n, "[%s]", list);
	json_t *all = doc_of(text);
	free(text);
	return all;
}

static inline const char *text_of(arena *a, const json_t *doc)
{
	char *text = json_dumps(doc, JSON_COMPACT);
	const char *kept = str_z(a, str_from(text));

	free(text);
	return kept;
}

static inline void course_open(course *c, const way *w)
{
	json_t *all, *one;
	size_t i;

	*c = (course){.stock = stock_new(), .quotas = quotas_new(), .a = arena_new(0)};
	c->nodes = objects_of(w->nodes ? w->nodes : "");
	json_array_foreach(c->nodes, i, one) node_tell(c->stock, text_of(c->a, one));
	all = objects_of(w->running ? w->running : "");
	json_array_foreach(all, i, one)
		cr_assert_eq(pod_tell(c->stock, text_of(c->a, one)), ERR_OK, "case %d, %s", w->nr, w->rule);
	json_decref(all);
	all = objects_of(w->quotas ? w->quotas : "");
	json_array_foreach(all, i, one) cr_assert_eq(quotas_put(c->quotas, str_from(text_of(c->a, one))), ERR_OK);
	json_decref(all);
	c->admission.rules = (rules_spec){.scheduler = "reeve-scheduler", .quotas = c->quotas, .stock = c->stock};
}

static inline void course_close(course *c)
{
	json_decref(c->nodes);
	quotas_free(c->quotas);
	stock_free(c->stock);
	arena_end(c->a);
	arena_trim();
}

/* The best of those that pass; NULL: none does. */
static inline const char *course_best(course *c, const json_t *passed, const json_t *scores)
{
	const char *best = NULL;
	json_int_t most = -1;

	for (size_t i = 0; i < json_array_size(passed); i++)
		for (size_t k = 0; k < json_array_size(scores); k++) {
			json_t *rank = json_array_get(scores, k), *one = json_array_get(passed, i);
			json_int_t score = json_integer_value(json_object_get(rank, "Score"));
			if (!json_equal(json_object_get(rank, "Host"), one) || score <= most)
				continue;
			most = score;
			best = str_z(c->a, str_from(json_string_value(one)));
		}
	return best;
}

/* The node with the highest rank of those that pass, NULL: none; *ret_why: the filter's answer. */
static inline const char *course_node(course *c, const char *text, const char **ret_why)
{
	extender_spec spec = {.stock = c->stock, .by_default = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD}};
	json_t *names = json_array();
	bool is_bad;
	buf out;

	spec.quotas = c->quotas;
	extender *x = extender_new(&spec);
	for (size_t i = 0; i < json_array_size(c->nodes); i++)
		json_array_append(
			names, json_object_get(json_object_get(json_array_get(c->nodes, i), "metadata"), "name"));
	str body = str_print(c->a, "{\"Pod\":%s,\"NodeNames\":%s}", text, text_of(c->a, names));
	buf_init(&out, 1 << 20);
	extender_filter(x, body, &out);
	*ret_why = str_z(c->a, buf_str(&out));
	buf_clear(&out);
	extender_prioritize(x, body, &out, &is_bad);
	json_t *answer = doc_of(*ret_why), *scores = is_bad ? json_array() : doc_of(str_z(c->a, buf_str(&out)));
	const char *best = course_best(c, json_object_get(answer, "NodeNames"), scores);
	buf_done(&out);
	json_decref(answer);
	json_decref(scores);
	json_decref(names);
	extender_free(x);
	return best;
}

/* "node key=value" of all annotations that hold devices. */
static inline void course_grant(course *c, const char *text, const char *node)
{
	pod *p = ARENA_NEW(c->a, pod);
	pod_ask *q = ARENA_NEW(c->a, pod_ask);
	grant *g = ARENA_NEW(c->a, grant);
	quota_gap gap;
	fault f = {0};

	cr_assert_eq(pod_read(str_from(text), c->a, p), ERR_OK);
	cr_assert_eq(pod_ask_read(p, c->stock, (pod_policies){POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD}, c->a, q, &f),
		ERR_OK);
	cr_assert(quotas_limit(c->quotas, c->stock, p, q, &gap));
	cr_assert_eq(grant_make(c->stock, p, q, NULL, str_from(node), 0, c->a, g, &f), ERR_OK, "%s", f.detail);
	int n = snprintf(c->out, sizeof(c->out), "%s", node);
	for (uint32_t i = 0; i < g->n_annotations; i++)
		if (str_ends(g->annotations[i].key, S("allocated")))
			n += snprintf(
				c->out + n, sizeof(c->out) - (size_t)n, " " STR_FMT, STR_ARG(g->annotations[i].value));
}

/* The way of one pod, as an outcome. */
static inline const char *course_run(course *c, const way *w)
{
	json_t *object = doc_of(w->pod);
	const char *why, *node, *text;

	if (!w->skips_admission) {
		verdict v = pod_judge(&c->admission, "d", object);
		(void)snprintf(c->out, sizeof(c->out), "!%s %s", v.code, v.message);
		bool is_allowed = v.allowed;
		json_decref(object);
		object = json_incref(v.pod);
		verdict_done(&v);
		if (!is_allowed) {
			json_decref(object);
			return c->out;
		}
	}
	json_t *meta = json_object_get(object, "metadata");
	json_object_set_new(meta, "name", json_string("new"));
	json_object_set_new(meta, "namespace", json_string("d"));
	json_object_set_new(meta, "uid", json_string("new"));
	json_object_set_new(meta, "resourceVersion", json_string("1"));
	text = text_of(c->a, object);
	node = course_node(c, text, &why);
	if (node)
		course_grant(c, text, node);
	else
		(void)snprintf(c->out, sizeof(c->out), "%s %s", strstr(why, "\"Error\":\"\"") ? "-" : "?", why);
	json_decref(object);
	return c->out;
}

static inline bool outcome_is(const char *wanted, const char *got)
{
	str all = str_from(wanted);

	while (all.n) {
		str one = str_split(&all, '|');
		char text[1024];
		(void)snprintf(text, sizeof(text), STR_FMT, STR_ARG(one));
		if (strcmp(text, got) == 0)
			return true;
		char *words = strchr(text, ' ');
		if (text[0] == '!' && words && strncmp(text, got, (size_t)(words - text) + 1) == 0 &&
			strstr(got, words + 1))
			return true;
		if ((text[0] == '-' || text[0] == '?') && got[0] == text[0] && strstr(got, text + 1))
			return true;
	}
	return false;
}

static inline void ways_hold(const way *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		course c;
		course_open(&c, &v[i]);
		const char *got = course_run(&c, &v[i]);
		cr_expect(outcome_is(v[i].outcome, got), "case %d, %s: %s, not %s", v[i].nr, v[i].rule, got,
			v[i].outcome);
		course_close(&c);
	}
}
#define WAYS(v) ways_hold((v), sizeof(v) / sizeof((v)[0]))

#define POD_OF(notes, spec, containers)                                                                                \
	"{\"metadata\":{\"annotations\":{" notes "}},\"spec\":{" spec "\"containers\":[" containers "]}}"
#define POD(limits)          POD_OF("", "", C("c", limits))
#define NOTED(notes, limits) POD_OF(notes, "", C("c", limits))
#define C(name, limits)      "{\"name\":\"" name "\",\"resources\":{\"limits\":{" limits "}}}"
#define INIT(list)           "\"initContainers\":[" list "],"
#define NV(n, mib, cores)                                                                                              \
	"\"nvidia.com/gpu\":\"" n "\",\"nvidia.com/gpumem\":\"" mib "\",\"nvidia.com/gpucores\":\"" cores "\""
#define MEM(n, mib)      "\"nvidia.com/gpu\":\"" n "\",\"nvidia.com/gpumem\":\"" mib "\""
#define PART(n, percent) "\"nvidia.com/gpu\":\"" n "\",\"nvidia.com/gpumem-percentage\":\"" percent "\""
#define WHOLE(n)         "\"nvidia.com/gpu\":\"" n "\""
#define POLICIES(node, device)                                                                                         \
	"\"hami.io/node-scheduler-policy\":\"" node "\",\"hami.io/gpu-scheduler-policy\":\"" device "\""

#define CARD_OF(uuid, type, mib, count, more)                                                                          \
	"{\\\"id\\\":\\\"" uuid "\\\",\\\"count\\\":" count ",\\\"devmem\\\":" mib                                     \
	",\\\"devcore\\\":100,\\\"type\\\":"                                                                           \
	"\\\"" type "\\\"" more "}"
#define HEALTHY      ",\\\"health\\\":true,\\\"mode\\\":\\\"hami-core\\\""
#define GPU(id, mib) CARD_OF(id, "NVIDIA", mib, "10", HEALTHY)
#define NODE_OF(name, key, cards)                                                                                      \
	"{\"metadata\":{\"name\":\"" name "\",\"resourceVersion\":\"1\",\"annotations\":{\"" key "\":\"[" cards "]\"}}}"
#define NVIDIA(name, cards) NODE_OF(name, "hami.io/node-nvidia-register", cards)
#define ON(uid, node, key, given, status, containers)                                                                  \
	"{\"metadata\":{\"name\":\"" uid "\",\"namespace\":\"d\",\"uid\":\"" uid "\",\"resourceVersion\":\"1\","       \
	"\"annotations\":{\"" key "\":\"" given "\"}},\"spec\":{\"nodeName\":\"" node "\"," containers                 \
	"},\"status\":{\"phase\":\"Running\"" status "}}"
#define RUNS(uid, node, given, limits)                                                                                 \
	ON(uid, node, "hami.io/vgpu-devices-allocated", given, "", "\"containers\":[" C("c", limits) "]")
#define QUOTA(hard)                                                                                                    \
	"{\"metadata\":{\"name\":\"q\",\"namespace\":\"d\",\"resourceVersion\":\"1\"},\"spec\":{\"hard\":{" hard "}}}"
#define LIMIT(resource, n) "\"limits.nvidia.com/" resource "\":\"" n "\""

#define NPU(chip, cards) NODE_OF("n", "hami.io/node-register-" chip, cards)
#define DIE(i)                                                                                                         \
	"{\\\"id\\\":\\\"" #i "\\\",\\\"index\\\":" #i                                                                 \
	",\\\"count\\\":10,\\\"devmem\\\":65536,\\\"devcore\\\":100,\\\"type\\\":"                                     \
	"\\\"Ascend910C\\\",\\\"health\\\":true}"
#define DIES(n) "\"huawei.com/Ascend910C\":\"" n "\""
#define NO_CARD .outcome = "-no device of this kind"
