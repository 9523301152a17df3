/* What deploy/manifests holds fits together, and fits the agent: names, options, paths and resources are this tree's.
 */
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include "agents/agent_options.h"
#include "agents/file.h"
#include "agents/real/badge.h"
#include "agents/vendors/vendor.h"
#include "json/yaml.h"

enum { DOCS_MAX = 64, BYTES_MAX = 1 << 20 };

typedef struct manifests {
	json_t *v[DOCS_MAX];
	size_t n;
} manifests;

static json_t *yaml_doc(str text, const char *where)
{
	fault f = {0};
	buf out;

	buf_init(&out, BYTES_MAX);
	cr_assert_eq(yaml_to_json(text, &out, &f), ERR_OK, "%s: %s %s", where, f.pointer, f.detail);
	json_t *doc = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, NULL);
	cr_assert_not_null(doc, "%s", where);
	buf_done(&out);
	return doc;
}

/* More than comments. */
static bool has_document(str text)
{
	while (text.n) {
		str line = str_split(&text, '\n');
		if (line.n && line.p[0] != '#')
			return true;
	}
	return false;
}

static void manifests_load(manifests *m)
{
	AUTO_ARENA a = arena_new(0);
	str text;

	*m = (manifests){.n = 0};
	cr_assert_eq(file_read(MANIFESTS, a, &text, NULL), ERR_OK, MANIFESTS);
	while (text.n) {
		const char *end = strstr(text.p, "\n---\n");
		str one = end ? str_of(text.p, (size_t)(end - text.p) + 1) : text;
		text = end ? str_cut(text, one.n + 4, text.n) : STR_NONE;
		if (!has_document(one))
			continue;
		cr_assert_lt(m->n, DOCS_MAX);
		m->v[m->n++] = yaml_doc(one, "a manifest");
	}
	cr_assert_geq(m->n, 20);
}

static void manifests_done(manifests *m)
{
	for (size_t i = 0; i < m->n; i++)
		json_decref(m->v[i]);
}

/* "metadata.name" of nested objects; arrays by number. */
static json_t *at(json_t *doc, const char *path)
{
	char step[128];

	while (doc && *path) {
		size_t n = strcspn(path, ".");
		(void)snprintf(step, sizeof(step), "%.*s", (int)n, path);
		doc = json_is_array(doc) ? json_array_get(doc, (size_t)strtoul(step, NULL, 10))
					 : json_object_get(doc, step);
		path += n + (path[n] == '.');
	}
	return doc;
}

static const char *text_at(json_t *doc, const char *path)
{
	const char *text = json_string_value(at(doc, path));

	return text ? text : "";
}

static json_t *find(const manifests *m, const char *kind, const char *name)
{
	for (size_t i = 0; i < m->n; i++)
		if (strcmp(text_at(m->v[i], "kind"), kind) == 0 && strcmp(text_at(m->v[i], "metadata.name"), name) == 0)
			return m->v[i];
	cr_assert(false, "no %s %s", kind, name);
	return NULL;
}

Test(manifests, each_says_what_it_is_and_where)
{
	static const char *const of_cluster[] = {"Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass",
		"MutatingWebhookConfiguration", "ValidatingWebhookConfiguration", "ValidatingAdmissionPolicy",
		"ValidatingAdmissionPolicyBinding"};
	manifests m;

	manifests_load(&m);
	for (size_t i = 0; i < m.n; i++) {
		const char *kind = text_at(m.v[i], "kind"), *name = text_at(m.v[i], "metadata.name");
		bool is_of_cluster = false;
		for (size_t k = 0; k < sizeof(of_cluster) / sizeof(of_cluster[0]); k++)
			is_of_cluster = is_of_cluster || strcmp(kind, of_cluster[k]) == 0;
		cr_expect(text_at(m.v[i], "apiVersion")[0] && kind[0] && name[0], "document %zu", i);
		cr_expect_eq(text_at(m.v[i], "metadata.namespace")[0] == '\0', is_of_cluster, "%s %s", kind, name);
		for (size_t k = 0; k < i; k++)
			cr_expect(
				strcmp(kind, text_at(m.v[k], "kind")) || strcmp(name, text_at(m.v[k], "metadata.name")),
				"%s %s twice", kind, name);
	}
	manifests_done(&m);
}

Test(manifests, rights_are_the_least)
{
	manifests m;

	manifests_load(&m);
	for (size_t i = 0; i < m.n; i++) {
		json_t *rules = at(m.v[i], "rules");
		const char *name = text_at(m.v[i], "metadata.name");
		for (size_t k = 0; k < json_array_size(rules); k++) {
			json_t *rule = json_array_get(rules, k);
			char *text = json_dumps(rule, JSON_COMPACT);
			cr_expect(!strchr(text, '*'), "%s: %s", name, text);
			/* Secrets are read and changed by their names alone. */
			cr_expect(!strstr(text, "\"secrets\"") || at(rule, "resourceNames") ||
					  strstr(text, "\"verbs\":[\"create\"]"),
				"%s: %s", name, text);
			cr_expect(!strstr(text, "webhookconfigurations") || at(rule, "resourceNames"), "%s: %s", name,
				text);
			free(text);
		}
		json_t *role = at(m.v[i], "roleRef");
		const char *of = text_at(role, "name");
		if (role && strncmp(of, "system:", 7) && strncmp(of, "extension-", 10))
			(void)find(&m, text_at(role, "kind"), of);
	}
	manifests_done(&m);
}

static bool is_option(str name)
{
	for (size_t i = 0; i < agent_settings.n; i++)
		if (str_eq(name, str_from(agent_settings.rows[i].name)))
			return true;
	return false;
}

static json_t *container_of(const manifests *m, const char *kind, const char *name)
{
	return at(find(m, kind, name), "spec.template.spec.containers.0");
}

static bool has_arg(json_t *args, const char *wanted)
{
	for (size_t i = 0; i < json_array_size(args); i++)
		if (strcmp(json_string_value(json_array_get(args, i)), wanted) == 0)
			return true;
	return false;
}

Test(manifests, options_are_the_agents)
{
	manifests m;

	manifests_load(&m);
	json_t *args = at(container_of(&m, "Deployment", "reeve-agent"), "args");
	for (size_t i = 0; i < json_array_size(args); i++) {
		str arg = str_from(json_string_value(json_array_get(args, i)));
		cr_assert(str_starts(arg, S("--")), STR_FMT, STR_ARG(arg));
		str name = str_cut(arg, 2, arg.n);
		name = str_split(&name, '=');
		cr_expect(is_option(name), STR_FMT, STR_ARG(arg));
	}
	cr_expect(has_arg(args, "--scheduler-name=reeve-scheduler") && has_arg(args, "--service-name=reeve-agent") &&
		  has_arg(args, "--webhooks=reeve-agent") && has_arg(args, "--own-certificate"));
	manifests_done(&m);
}

static void hook_fits(const manifests *m, const char *kind, const char *resource, const char *path, const char *policy)
{
	json_t *hook = at(find(m, kind, "reeve-agent"), "webhooks.0");

	cr_expect_str_eq(text_at(hook, "clientConfig.service.path"), path);
	json_t *service = find(m, "Service", text_at(hook, "clientConfig.service.name"));
	cr_expect_str_eq(text_at(service, "metadata.namespace"), text_at(hook, "clientConfig.service.namespace"));
	cr_expect(!json_is_true(at(service, "spec.publishNotReadyAddresses")), "who can not answer is not asked");
	cr_expect(json_equal(at(service, "spec.ports.0.port"), at(hook, "clientConfig.service.port")));
	cr_expect_str_eq(text_at(hook, "rules.0.resources.0"), resource);
	cr_expect_str_eq(text_at(hook, "rules.0.operations.0"), "CREATE");
	cr_expect_str_eq(text_at(hook, "failurePolicy"), policy);
	cr_expect_str_eq(text_at(hook, "sideEffects"), "None");
	cr_expect_str_eq(text_at(hook, "admissionReviewVersions.0"), "v1");
	cr_expect_null(at(hook, "clientConfig.caBundle"), "the agents put it there");
}

Test(manifests, webhooks_lead_to_the_agents)
{
	manifests m;

	manifests_load(&m);
	hook_fits(&m, "MutatingWebhookConfiguration", "pods", "/admission/mutate", "Fail");
	hook_fits(&m, "ValidatingWebhookConfiguration", "pods/binding", "/admission/validate", "Ignore");
	const char *asks = text_at(
		find(&m, "MutatingWebhookConfiguration", "reeve-agent"), "webhooks.0.matchConditions.0.expression");
	const vendor *k;
	for (uint32_t i = 0; (k = vendor_at(i)); i++) {
		const char *name = k->resources.count ? k->resources.count : k->resources.memory;
		char part[128];
		(void)snprintf(part, sizeof(part), "k.startsWith('%.*s/')", (int)strcspn(name, "/"), name);
		cr_expect(strstr(asks, part), "%s is not asked about", name);
	}
	manifests_done(&m);
}

/* The agent that acts puts it on its own pod. */
#define ACTING BADGE_LABEL

Test(manifests, services_lead_to_their_pods)
{
	manifests m;

	manifests_load(&m);
	json_t *labels = at(find(&m, "Deployment", "reeve-agent"), "spec.template.metadata.labels");
	for (size_t i = 0; i < m.n; i++) {
		const char *key;
		json_t *value;
		if (strcmp(text_at(m.v[i], "kind"), "Service"))
			continue;
		bool is_acting = strcmp(text_at(m.v[i], "metadata.name"), "reeve-agent-acting") == 0;
		cr_expect_eq(json_object_get(at(m.v[i], "spec.selector"), ACTING) != NULL, is_acting);
		json_object_foreach(at(m.v[i], "spec.selector"), key, value) cr_expect(
			strcmp(key, ACTING) == 0 || json_equal(value, json_object_get(labels, key)), "%s", key);
	}
	manifests_done(&m);
}

/* -1: it is not sent to the extender; else whether the scheduler passes over it. */
static int managed(json_t *extender, const char *name)
{
	json_t *all = at(extender, "managedResources");

	for (size_t i = 0; i < json_array_size(all); i++)
		if (strcmp(text_at(json_array_get(all, i), "name"), name) == 0)
			return json_is_true(at(json_array_get(all, i), "ignoredByScheduler"));
	return -1;
}

Test(manifests, the_scheduler_asks_about_all_that_is_governed)
{
	manifests m;
	size_t n = 0;
	const vendor *k;

	manifests_load(&m);
	json_t *config = yaml_doc(str_from(json_string_value(json_object_get(
					  at(find(&m, "ConfigMap", "reeve-scheduler"), "data"), "scheduler.yaml"))),
		"scheduler.yaml");
	json_t *x = at(config, "extenders.0");
	cr_expect_eq(json_integer_value(at(config, "percentageOfNodesToScore")), 100);
	cr_expect_str_eq(text_at(config, "profiles.0.schedulerName"), "reeve-scheduler");
	cr_expect(json_is_true(at(x, "nodeCacheCapable")) && json_is_true(at(x, "enableHTTPS")) &&
		  json_is_false(at(x, "ignorable")));
	cr_expect_geq(json_integer_value(at(x, "weight")), 1);
	(void)find(&m, "Service", "reeve-agent-acting");
	for (uint32_t i = 0; (k = vendor_at(i)); i++) {
		const vendor_resources *r = &k->resources;
		const char *const names[] = {
			r->count, r->parts, r->size, r->memory, r->memory_percent, r->compute, r->priority};
		for (size_t a = 0; a < sizeof(names) / sizeof(names[0]); a++) {
			/* Numbers of devices stand in nodes' allocatable, and wake and preempt; amounts do not. */
			if (names[a])
				cr_expect_eq(managed(x, names[a]), a >= 3, "%s", names[a]);
			n += names[a] != NULL;
		}
	}
	cr_expect_eq(json_array_size(at(x, "managedResources")), n, "one that nobody governs, or one twice");
	json_decref(config);
	manifests_done(&m);
}

static void record_is_kept(const char *expression, const char *key)
{
	AUTO_ARENA a = arena_new(0);

	cr_expect(!key || strncmp(key, "hami.io/", 8) == 0 ||
			  strstr(expression, str_z(a, str_print(a, "'%s'", key))) != NULL,
		"%s may be changed by anybody", key);
}

Test(manifests, what_a_pod_was_given_is_changed_by_givers_alone)
{
	manifests m;
	const vendor *k;

	manifests_load(&m);
	json_t *policy = find(&m, "ValidatingAdmissionPolicy", "reeve-records");
	const char *expression = text_at(policy, "spec.validations.0.expression");
	record_is_kept(expression, "reeve.io/plan");
	record_is_kept(expression, "reeve.io/receipt");
	cr_expect(strstr(expression, "startsWith('hami.io/')"));
	for (uint32_t i = 0; (k = vendor_at(i)); i++) {
		record_is_kept(expression, k->pod.allocated);
		record_is_kept(expression, k->pod.to_allocate);
	}
	cr_expect(strstr(text_at(policy, "spec.matchConditions.0.expression"), "'system:serviceaccount:reeve:'"));
	cr_expect_str_eq(text_at(find(&m, "ValidatingAdmissionPolicyBinding", "reeve-records"), "spec.policyName"),
		"reeve-records");
	manifests_done(&m);
}
