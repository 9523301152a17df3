#include "agents/admission/serving.h"
#include <jansson.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/file.h"
#include "base/base64.h"
#include "fake_kube.h"

loop *fake_loop;

#define HOOK "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations/reeve"

/* An API server with one Secret and one webhook configuration. */
typedef struct stage {
	loop *loop;
	kube kube;
	serving *serving;
	json_t *secret; /* NULL: there is none */
	char *body;     /* of the last call, whole */
	char bundles[2][8192];
	int version, hook_version;
	int n_files, n_trouble, n_writes, n_looks;
	bool leads, is_refusing, changes_first;
	int looks_max;
	char cert[64], key[80], ca[80];
} stage;

static int64_t now_us;

static int64_t now(void)
{
	return now_us;
}

static void secret_answer(stage *t, kube_call *c)
{
	char *text = json_dumps(t->secret, JSON_COMPACT);

	fake_answer(c, 200, str_from(text));
	free(text);
}

static void secret_take(stage *t, kube_call *c, const json_t *seen)
{
	json_t *sent = json_loads(t->body, 0, NULL);
	json_t *meta = json_object_get(sent, "metadata");
	const char *guard = json_string_value(json_object_get(meta, "resourceVersion"));
	char version[16];

	cr_assert_not_null(sent);
	(void)snprintf(version, sizeof(version), "%d", t->version);
	bool is_old = seen ? !guard || strcmp(guard, version) != 0 : t->secret != NULL;
	if (t->changes_first || is_old) {
		t->changes_first = false;
		t->version++;
		json_decref(sent);
		fake_answer(c, 409, S("{\"reason\":\"Conflict\"}"));
		return;
	}
	t->n_writes++;
	json_decref(t->secret);
	t->secret = sent;
	(void)snprintf(version, sizeof(version), "%d", ++t->version);
	json_object_set_new(meta, "resourceVersion", json_string(version));
	json_object_set_new(meta, "namespace", json_string("reeve"));
	fake_answer(c, 200, S("{}"));
}

/* JSON Patch of caBundles, as the API server takes it. */
static void hook_take(stage *t, kube_call *c)
{
	json_t *ops = json_loads(t->body, 0, NULL), *op;
	char version[16];
	size_t i;

	cr_assert_str_eq(c->q.content_type, "application/json-patch+json");
	(void)snprintf(version, sizeof(version), "%d", t->hook_version);
	json_array_foreach(ops, i, op)
	{
		const char *value = json_string_value(json_object_get(op, "value"));
		const char *path = json_string_value(json_object_get(op, "path"));
		if (i == 0) {
			cr_assert_str_eq(value, version);
			continue;
		}
		int at = path[strlen("/webhooks/")] - '0';
		(void)snprintf(t->bundles[at], sizeof(t->bundles[at]), "%s", value);
	}
	t->hook_version++;
	json_decref(ops);
	fake_answer(c, 200, S("{}"));
}

static void hook_answer(stage *t, kube_call *c)
{
	AUTO_ARENA a = arena_new(0);

	fake_answer(c, 200,
		str_print(a,
			"{\"metadata\":{\"name\":\"reeve\",\"resourceVersion\":\"%d\"},\"webhooks\":[{\"name\":\"a\","
			"\"clientConfig\":{\"service\":{\"name\":\"s\"},\"caBundle\":\"%s\"}},{\"name\":\"b\",\"clientConfig\":"
			"{\"url\":\"https://elsewhere\",\"caBundle\":\"%s\"}}]}",
			t->hook_version, t->bundles[0], t->bundles[1]));
}

static void serve(void *arg, kube_call *c)
{
	stage *t = arg;
	bool reads = strcmp(c->q.method, "GET") == 0;

	if (t->is_refusing) {
		fake_answer(c, 503, S("{}"));
	} else if (strstr(c->path, HOOK)) {
		if (reads)
			hook_answer(t, c);
		else
			hook_take(t, c);
	} else if (reads) {
		if (++t->n_looks >= t->looks_max)
			loop_stop(t->loop);
		if (t->secret)
			secret_answer(t, c);
		else
			fake_answer(c, 404, S("{\"reason\":\"NotFound\"}"));
	} else {
		secret_take(t, c, strcmp(c->q.method, "PATCH") == 0 ? t->secret : NULL);
	}
}

static bool leads(void *arg)
{
	return ((stage *)arg)->leads;
}

static void on_files(void *arg)
{
	((stage *)arg)->n_files++;
}

static void on_trouble(void *arg, const char *what, str why)
{
	(void)what;
	(void)why;
	((stage *)arg)->n_trouble++;
	loop_stop(((stage *)arg)->loop);
}

static void stage_open(stage *t)
{
	*t = (stage){.loop = loop_new(), .leads = true, .looks_max = 2, .cert = "/tmp/reeve-serving-cert-XXXXXX"};
	int fd = mkstemp(t->cert);
	cr_assert(fd >= 0);
	(void)close(fd);
	(void)snprintf(t->key, sizeof(t->key), "%s.key", t->cert);
	(void)snprintf(t->ca, sizeof(t->ca), "%s.ca", t->cert);
	t->body = calloc(1, KUBE_FAKE_BODY_MAX);
	now_us = (int64_t)1800000000 * 1000000;
	fake_loop = t->loop;
	t->kube = (kube){.loop = t->loop, .on_call = serve, .arg = t, .body = t->body};
	serving_spec s = {.loop = t->loop, .kube = &t->kube, .space = S("reeve"), .name = S("serving"), .n_names = 1};
	s.names[0] = S("reeve-agent.reeve.svc");
	s.cert_file = t->cert;
	s.key_file = t->key;
	s.ca_file = t->ca;
	s.hooks[0] = S(HOOK);
	s.n_hooks = 1;
	s.now_us = now;
	s.leads = leads;
	s.on_files = on_files;
	s.on_trouble = on_trouble;
	s.arg = t;
	t->serving = serving_open(&s);
}

static void stage_close(stage *t)
{
	serving_close(t->serving);
	loop_free(t->loop);
	json_decref(t->secret);
	free(t->body);
	(void)unlink(t->cert);
	(void)unlink(t->key);
	(void)unlink(t->ca);
	fake_free(&t->kube);
	arena_trim();
}

/* Runs until the Secret was looked at so often more, and what follows from the look. */
static void looks(stage *t, int n)
{
	t->looks_max = t->n_looks + n;
	serving_kick(t->serving);
	loop_run(t->loop);
	for (int i = 0; i < 6; i++) {
		loop_timer *end = loop_timer_new(t->loop, (void (*)(void *))loop_stop, t->loop);
		loop_timer_arm(end, 0);
		loop_run(t->loop);
		loop_timer_free(end);
	}
}

static void files_match(stage *t)
{
	AUTO_ARENA a = arena_new(0);
	str cert, bytes;
	json_t *data = json_object_get(t->secret, "data");

	cr_assert_eq(file_read(t->cert, a, &cert, NULL), ERR_OK);
	cr_assert(base64_read(str_from(json_string_value(json_object_get(data, "tls.crt"))), a, &bytes));
	cr_expect(str_eq(cert, bytes));
	cr_expect_str_eq(t->bundles[0], json_string_value(json_object_get(data, "ca.crt")));
}

Test(serving, the_leader_makes_it_and_tells_those_who_verify)
{
	stage t;

	stage_open(&t);
	looks(&t, 2);
	cr_expect_eq(t.n_writes, 1);
	cr_expect_eq(t.n_files, 1);
	files_match(&t);
	cr_expect_str_eq(t.bundles[1], t.bundles[0]);
	looks(&t, 1);
	cr_expect_eq(t.n_writes, 1);
	cr_expect_eq(t.n_files, 1);
	cr_expect_eq(t.n_trouble, 0);
	stage_close(&t);
}

Test(serving, who_does_not_lead_takes_what_is_there)
{
	stage t;

	stage_open(&t);
	t.leads = false;
	looks(&t, 1);
	cr_expect_eq(t.n_writes + t.n_files, 0);
	t.leads = true;
	looks(&t, 2);
	t.leads = false;
	t.bundles[0][0] = '\0';
	looks(&t, 1);
	cr_expect_str_empty(t.bundles[0]);
	cr_expect_eq(t.n_files, 1);
	stage_close(&t);
}

Test(serving, it_is_renewed_before_its_end)
{
	stage t;

	stage_open(&t);
	looks(&t, 2);
	now_us += 21 * AUTHORITY_DAY_US;
	looks(&t, 2);
	cr_expect_eq(t.n_writes, 2);
	cr_expect_eq(t.n_files, 2);
	files_match(&t);
	stage_close(&t);
}

Test(serving, another_who_writes_first_is_taken)
{
	stage t;

	stage_open(&t);
	looks(&t, 2);
	now_us += 21 * AUTHORITY_DAY_US;
	t.changes_first = true;
	looks(&t, 2);
	cr_expect_eq(t.n_trouble, 0);
	files_match(&t);
	stage_close(&t);
}

Test(serving, what_fails_is_tried_again)
{
	stage t;

	stage_open(&t);
	t.is_refusing = true;
	loop_run(t.loop);
	cr_expect_eq(t.n_trouble, 1);
	t.is_refusing = false;
	looks(&t, 2);
	files_match(&t);
	stage_close(&t);
}
