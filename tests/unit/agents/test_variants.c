/* Whatever form of the same protocol comes, the answer is the same: members in another order, unknown ones, null where
 * there is nothing or nothing where there was null, blanks and escapes, long bodies. What real components sent is
 * rewritten in each of these ways, and asked again.
 */
#include <stdlib.h>
#include "admission_fixture.h"
#include "agents/scheduling/extender/extender.h"
#include "agents/file.h"
#include "agents/kube/object.h"
#include "cluster_fixture.h"

enum { OUT_MAX = 8 << 20, LONG_BYTES = 1 << 20 };

typedef enum form { AS_IT_IS, TURNED, UNKNOWN, WITHOUT_NULLS, WITH_NULLS, SPREAD, LONG, FORMS } form;
static const char *const form_names[] = {
	"as it is", "turned round", "with unknown members", "without nulls", "with nulls", "spread out", "long"};

/* Members that an object may have, by the member that it is itself. */
static const struct {
	const char *of, *member;
} optional[] = {
	{"metadata", "labels"},
	{"metadata", "annotations"},
	{"metadata", "ownerReferences"},
	{"metadata", "finalizers"},
	{"metadata", "managedFields"},
	{"metadata", "deletionTimestamp"},
	{"metadata", "deletionGracePeriodSeconds"},
	{"metadata", "generateName"},
	{"spec", "initContainers"},
	{"spec", "nodeName"},
	{"spec", "nodeSelector"},
	{"spec", "tolerations"},
	{"spec", "schedulingGates"},
	{"spec", "priority"},
	{"spec", "preemptionPolicy"},
	{"spec", "runtimeClassName"},
	{"spec", "resources"},
	{"spec", "resourceClaims"},
	{"spec", "taints"},
	{"containers", "env"},
	{"containers", "restartPolicy"},
	{"containers", "securityContext"},
	{"resources", "requests"},
	{"resources", "claims"},
	{"status", "phase"},
	{"status", "conditions"},
	{"status", "nominatedNodeName"},
	{"status", "startTime"},
	{"request", "subResource"},
	{"request", "oldObject"},
	{"request", "dryRun"},
	{"userInfo", "groups"},
	{"userInfo", "extra"},
};

/* Keys are data there. */
static bool is_map(const char *key)
{
	static const char *const maps[] = {"labels", "annotations", "limits", "requests", "nodeSelector", "capacity",
		"allocatable", "NodeNameToVictims", "NodeNameToMetaVictims", "fieldsV1", "extra", NULL};

	for (int i = 0; maps[i]; i++)
		if (strcmp(maps[i], key) == 0)
			return true;
	return strncmp(key, "f:", 2) == 0 || strncmp(key, "k:", 2) == 0 || strncmp(key, "v:", 2) == 0;
}

static json_t *rewrite(const json_t *v, form f, const char *key);

static void turned(const json_t *v, json_t *out, const char *key)
{
	size_t n = json_object_size(v), i = 0;
	const char **keys = calloc(n + 1, sizeof(*keys));
	const char *k;
	json_t *member;

	json_object_foreach((json_t *)(uintptr_t)v, k, member) keys[i++] = k;
	while (n--)
		(void)json_object_set_new(out, keys[n], rewrite(json_object_get(v, keys[n]), TURNED, keys[n]));
	free(keys);
	(void)key;
}

static void nulls_put(json_t *out, const char *key)
{
	for (size_t i = 0; i < sizeof(optional) / sizeof(optional[0]); i++)
		if (strcmp(optional[i].of, key) == 0 && !json_object_get(out, optional[i].member))
			(void)json_object_set_new(out, optional[i].member, json_null());
}

static void long_put(json_t *out)
{
	char *text = calloc(1, LONG_BYTES + 1);

	memset(text, 'x', LONG_BYTES);
	(void)json_object_set_new(out, "example.com/long", json_string(text));
	free(text);
}

static json_t *object_rewrite(const json_t *v, form f, const char *key)
{
	json_t *out = json_object(), *member;
	const char *k;

	if (f == TURNED) {
		turned(v, out, key);
		return out;
	}
	if (f == UNKNOWN && !is_map(key))
		(void)json_object_set_new(out, "aNew",
			json_pack("{s:[n,i,{s:s}],s:f,s:b}", "x", 1, "y", "\xc3\xa9\"\\", "z", 1.5e300, "w", 1));
	json_object_foreach((json_t *)(uintptr_t)v, k, member) if (f != WITHOUT_NULLS || !json_is_null(member))(void)
		json_object_set_new(out, k, rewrite(member, f, k));
	if (f == UNKNOWN && !is_map(key))
		(void)json_object_set_new(out, "zNew", json_null());
	if (f == WITH_NULLS)
		nulls_put(out, key);
	if (f == LONG && strcmp(key, "annotations") == 0)
		long_put(out);
	return out;
}

static json_t *rewrite(const json_t *v, form f, const char *key)
{
	if (json_is_object(v))
		return object_rewrite(v, f, key);
	if (!json_is_array(v))
		return json_deep_copy(v);
	json_t *out = json_array();
	for (size_t i = 0; i < json_array_size(v); i++)
		(void)json_array_append_new(out, rewrite(json_array_get(v, i), f, key));
	return out;
}

static str rewritten(str body, form f, arena *a)
{
	json_error_t error;
	json_t *doc = json_loadb(body.p, body.n, 0, &error);

	cr_assert_not_null(doc, "%s", error.text);
	json_t *out = rewrite(doc, f, "");
	char *text = json_dumps(out, f == SPREAD ? JSON_INDENT(3) | JSON_ENSURE_ASCII : JSON_COMPACT);
	str copy = f == SPREAD ? str_print(a, "\r\n\t %s \n\n", text) : str_dup(a, str_from(text));
	free(text);
	json_decref(out);
	json_decref(doc);
	return copy;
}

static str recorded(const char *name, const char *member, arena *a)
{
	AUTO_ARENA mine = arena_new(0);
	char path[256];
	str text;

	(void)snprintf(path, sizeof(path), RECORDED "/%s.json", name);
	cr_assert_eq(file_read(path, mine, &text, NULL), ERR_OK, "%s", path);
	json_t *doc = json_loadb(text.p, text.n, 0, NULL);
	const char *body = json_string_value(json_object_get(doc, "request_body_text"));
	if (!body)
		body = json_string_value(json_object_get(json_object_get(doc, member), "body_text"));
	cr_assert_not_null(body, "%s", path);
	str copy = str_dup(a, str_from(body));
	json_decref(doc);
	return copy;
}

/* The same bytes, asking for what we govern. */
static str governed(str body, arena *a)
{
	static const char *const names[][2] = {
		{"example.com/gpumem", "nvidia.com/gpumem"}, {"example.com/vgpu", "nvidia.com/gpu"}};
	buf b;

	buf_init(&b, OUT_MAX);
	for (uint32_t i = 0; i < body.n; i++) {
		size_t k = 0;
		while (k < 2 && !str_starts(str_cut(body, i, body.n), str_from(names[k][0])))
			k++;
		if (k == 2) {
			buf_add_char(&b, body.p[i]);
			continue;
		}
		buf_add_str(&b, str_from(names[k][1]));
		i += (uint32_t)strlen(names[k][0]) - 1;
	}
	str text = str_dup(a, buf_str(&b));
	buf_done(&b);
	return text;
}

typedef enum verb { FILTER, PRIORITIZE, PREEMPT, MUTATE } verb;

typedef struct scene {
	stock *stock;
	extender *x;
	admission admission;
} scene;

static str tenant_of(void *arg, str space)
{
	(void)arg;
	(void)space;
	return S("acme");
}

static void scene_open(scene *s)
{
	*s = (scene){.stock = stock_new()};
	node_tell(s->stock, NODE("n1", CARD("G1", "7999", "10")));
	node_tell(s->stock, NODE("n2", CARD("G2", "8000", "10") "," CARD("G3", "90000", "10")));
	s->x = extender_new(
		&(extender_spec){.stock = s->stock, .by_default = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD}});
	s->admission.rules = (rules_spec){.scheduler = "reeve-scheduler", .tenant_of = tenant_of};
}

static void scene_close(scene *s)
{
	extender_free(s->x);
	stock_free(s->stock);
	arena_trim();
}

static json_t *answer(scene *s, verb v, str body, const char *what)
{
	bool is_bad = false;
	buf out;

	buf_init(&out, OUT_MAX);
	if (v == FILTER)
		extender_filter(s->x, body, &out);
	else if (v == PRIORITIZE)
		extender_prioritize(s->x, body, &out, &is_bad);
	else if (v == PREEMPT)
		extender_preempt(s->x, body, &out, &is_bad);
	else
		is_bad = !admission_mutate(&s->admission, body, &out);
	cr_expect_not(is_bad, "%s", what);
	json_t *doc = json_loadb(out.p, out.n, 0, NULL);
	cr_assert_not_null(doc, "%s", what);
	/* Nodes that came whole go back as they came. */
	json_t *nodes = json_object_get(doc, "Nodes");
	for (size_t i = 0; nodes && i < json_array_size(json_object_get(nodes, "items")); i++) {
		const json_t *node = json_array_get(json_object_get(nodes, "items"), i);
		const char *name = json_string_value(json_object_get(json_object_get(node, "metadata"), "name"));
		(void)json_array_set_new(json_object_get(nodes, "items"), i, json_string(name));
	}
	buf_done(&out);
	return doc;
}

Test(variants, any_form_of_what_real_components_sent_gets_the_same_answer)
{
	static const struct {
		const char *file;
		verb verb;
		bool is_ours;
	} rows[] = {
		{"extender/filter-names", FILTER, false},
		{"extender/filter-names", FILTER, true},
		{"extender/filter-full-nodes", FILTER, true},
		{"extender/prioritize-names", PRIORITIZE, true},
		{"extender/preempt-meta-victims", PREEMPT, false},
		{"extender/preempt-meta-victims", PREEMPT, true},
		{"admission/pod-create-mutate", MUTATE, false},
		{"admission/pod-create-mutate", MUTATE, true},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		AUTO_ARENA a = arena_new(64 << 20);
		scene s;
		char what[200];
		str body = recorded(rows[i].file, "request", a);
		scene_open(&s);
		if (rows[i].is_ours)
			body = governed(body, a);
		json_t *wanted = answer(&s, rows[i].verb, body, rows[i].file);
		for (form f = AS_IT_IS; f < FORMS; f++) {
			(void)snprintf(what, sizeof(what), "%s, %s%s", rows[i].file, form_names[f],
				rows[i].is_ours ? ", of ours" : "");
			json_t *is = answer(&s, rows[i].verb, rewritten(body, f, a), what);
			char *text = json_dumps(is, JSON_COMPACT);
			cr_expect(json_equal(is, wanted), "%s: %.600s", what, text);
			free(text);
			json_decref(is);
		}
		json_decref(wanted);
		scene_close(&s);
	}
}

Test(variants, a_binding_is_read_in_any_form)
{
	for (form f = AS_IT_IS; f < FORMS; f++) {
		AUTO_ARENA a = arena_new(0);
		binding_args b;
		cr_assert_eq(binding_args_read(rewritten(recorded("extender/bind", "request", a), f, a), a, &b, NULL),
			ERR_OK, "%s", form_names[f]);
		cr_expect(str_eq(b.pod, S("p1")) && str_eq(b.space, S("default")) && str_eq(b.node, S("n3")) &&
				  str_eq(b.uid, S("f6a714e0-6876-471a-accb-6130e9afb7d6")),
			"%s", form_names[f]);
	}
}

static void pod_same(str text, str other, const char *what)
{
	AUTO_ARENA a = arena_new(64 << 20);
	pod p, q;

	cr_assert_eq(pod_read(text, a, &p), ERR_OK);
	cr_assert_eq(pod_read(other, a, &q), ERR_OK, "%s", what);
	cr_expect(str_eq(p.meta.uid, q.meta.uid) && str_eq(p.node, q.node) && str_eq(p.phase, q.phase) &&
			  str_eq(p.nominated, q.nominated) && str_eq(p.scheduler, q.scheduler) &&
			  p.priority == q.priority && p.is_leaving == q.is_leaving && p.is_short == q.is_short &&
			  p.is_gated == q.is_gated && p.started_us == q.started_us &&
			  p.n_containers == q.n_containers && p.labels.n == q.labels.n,
		"%s", what);
	for (uint32_t i = 0; i < p.n_containers && i < q.n_containers; i++)
		cr_expect(str_eq(p.containers[i].name, q.containers[i].name) &&
				  p.containers[i].limits.n == q.containers[i].limits.n &&
				  p.containers[i].requests.n == q.containers[i].requests.n,
			"%s: container %u", what, i);
}

/* Each line of a watch; a stream is cut by its newlines, so that form is left out. */
Test(variants, a_line_of_a_watch_is_read_in_any_form)
{
	AUTO_ARENA a = arena_new(64 << 20);
	str text;
	int n = 0;

	cr_assert_eq(file_read(RECORDED "/watch/pods.jsonl", a, &text, NULL), ERR_OK);
	while (text.p) {
		AUTO_ARENA mine = arena_new(64 << 20);
		str line = str_split(&text, '\n');
		object_event is, was;
		object_meta m, before;
		if (!line.n)
			continue;
		cr_assert_eq(object_event_read(line, &was), ERR_OK);
		bool is_error = str_eq(was.type, S("ERROR"));
		cr_assert(is_error || object_meta_read(was.object, &before) == ERR_OK);
		for (form f = AS_IT_IS; f < FORMS; f++) {
			str other = rewritten(line, f, mine);
			cr_assert_eq(object_event_read(other, &is), ERR_OK, "%s", form_names[f]);
			cr_expect(str_eq(is.type, was.type), "%s", form_names[f]);
			if (is_error)
				continue;
			cr_assert_eq(object_meta_read(is.object, &m), ERR_OK, "%s", form_names[f]);
			cr_expect(str_eq(m.name, before.name) && str_eq(m.uid, before.uid) &&
					  str_eq(m.version, before.version) && m.ends_list == before.ends_list,
				"%s", form_names[f]);
			if (m.name.n)
				pod_same(was.object, is.object, form_names[f]);
			n++;
		}
	}
	cr_expect_gt(n, 20);
}

static void item_count(void *arg, str item)
{
	object_meta m;

	cr_expect_eq(object_meta_read(item, &m), ERR_OK);
	++*(int *)arg;
}

Test(variants, a_list_is_read_in_any_form)
{
	AUTO_ARENA a = arena_new(64 << 20);
	str body = recorded("api/list-pods-limit1", "response", a);
	object_page was, is;
	int n = 0;

	cr_assert_eq(object_page_read(body, item_count, &n, &was), ERR_OK);
	cr_assert_eq(n, 1);
	for (form f = AS_IT_IS; f < FORMS; f++) {
		n = 0;
		cr_assert_eq(object_page_read(rewritten(body, f, a), item_count, &n, &is), ERR_OK, "%s", form_names[f]);
		cr_expect(n == 1 && str_eq(is.version, was.version) && str_eq(is.next, was.next) &&
				  is.remaining == was.remaining,
			"%s", form_names[f]);
	}
}

/* What is empty comes as null, as [] and not at all. */
Test(variants, nothing_is_nothing_in_every_form)
{
	static const char *const pages[] = {
		"{\"kind\":\"PodList\",\"apiVersion\":\"v1\",\"metadata\":{\"resourceVersion\":\"5\"},\"items\":null}",
		"{\"metadata\":{\"resourceVersion\":\"5\",\"continue\":\"\",\"remainingItemCount\":null},\"items\":[]}",
		"{\"items\":[],\"metadata\":{\"selfLink\":\"\",\"resourceVersion\":\"5\",\"continue\":null}}",
		"{\"metadata\":{\"resourceVersion\":\"5\"}}",
	};
	static const char *const asked[] = {
		"{\"Pod\":%s,\"Nodes\":{\"metadata\":{},\"items\":null},\"NodeNames\":null}",
		"{\"Pod\":%s,\"Nodes\":{\"metadata\":{},\"items\":[]},\"NodeNames\":null}",
		"{\"Pod\":%s,\"Nodes\":{},\"NodeNames\":null}",
		"{\"Pod\":%s,\"Nodes\":null,\"NodeNames\":[]}",
		"{\"Pod\":%s,\"Nodes\":null,\"NodeNames\":null}",
		"{\"Pod\":%s}",
		"{\"NodeNames\":[],\"Nodes\":null,\"Pod\":%s}\n",
	};
	AUTO_ARENA a = arena_new(0);
	object_page page;
	int n = 0;
	scene s;

	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++) {
		cr_assert_eq(object_page_read(str_from(pages[i]), item_count, &n, &page), ERR_OK, "page %zu", i);
		cr_expect(n == 0 && str_eq(page.version, S("5")) && !page.next.n, "page %zu", i);
	}
	scene_open(&s);
	for (size_t i = 0; i < sizeof(asked) / sizeof(asked[0]); i++) {
		char body[1024];
		(void)snprintf(body, sizeof(body), asked[i],
			"{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"u\"},\"spec\":{\"containers\":[" ASK(
				"1", "10", "0") "]}}");
		json_t *is = answer(&s, FILTER, str_from(body), asked[i]);
		cr_expect_str_empty(json_string_value(json_object_get(is, "Error")), "%s", asked[i]);
		cr_expect_eq(json_array_size(json_object_get(is, "NodeNames")), 0, "%s", asked[i]);
		json_decref(is);
		is = answer(&s, PRIORITIZE, str_from(body), asked[i]);
		cr_expect(json_is_array(is) && json_array_size(is) == 0, "%s", asked[i]);
		json_decref(is);
	}
	scene_close(&s);
	(void)a;
}
