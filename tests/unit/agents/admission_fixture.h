/* admission_fixture: a pod in, what became of it out: refused, or the pod as the API server would keep it. */
#pragma once
#include <criterion/criterion.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/admission/admission.h"
#include "base/base64.h"

/* RFC 6901, section 4: the parent of what the pointer names, and the last step. */
static inline json_t *patch_parent(json_t *doc, const char *path, char last[512])
{
	json_t *at = doc;

	cr_assert_eq(path[0], '/', "%s", path);
	for (;;) {
		size_t n = 0;
		for (path++; *path && *path != '/'; path++) {
			bool is_marked = *path == '~';
			last[n++] = !is_marked ? *path : *++path == '1' ? '/' : '~';
		}
		last[n] = '\0';
		if (!*path)
			return at;
		at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(last, NULL, 10))
				       : json_object_get(at, last);
		cr_assert_not_null(at, "no parent: %s", path);
	}
}

/* RFC 6902, as strict as the API server: replace and remove need their target, add needs its parent. */
static inline void patch_step(json_t *doc, json_t *step)
{
	const char *op = json_string_value(json_object_get(step, "op"));
	const char *path = json_string_value(json_object_get(step, "path"));
	json_t *value = json_object_get(step, "value");
	char last[512];
	json_t *parent = patch_parent(doc, path, last);
	size_t at = strcmp(last, "-") == 0 ? json_array_size(parent) : (size_t)strtoul(last, NULL, 10);

	if (strcmp(op, "remove") == 0) {
		cr_assert_eq(json_object_del(parent, last), 0, "%s", path);
	} else if (json_is_array(parent)) {
		bool is_set = strcmp(op, "replace") == 0;
		cr_assert_eq(is_set ? json_array_set(parent, at, value) : json_array_insert(parent, at, value), 0, "%s",
			path);
	} else {
		cr_assert(strcmp(op, "add") == 0 || json_object_get(parent, last), "%s", path);
		cr_assert_eq(json_object_set(parent, last, value), 0);
	}
}

/* The answer's patch, applied to the pod; checks what every answer must be. */
static inline json_t *answer_apply(json_t *object, json_t *response)
{
	AUTO_ARENA a = arena_new(0);
	json_t *out = json_deep_copy(object), *steps, *step;
	const char *text = json_string_value(json_object_get(response, "patch"));
	str bytes;
	size_t i;

	if (!text)
		return out;
	cr_assert_str_eq(json_string_value(json_object_get(response, "patchType")), "JSONPatch");
	cr_assert(base64_read(str_from(text), a, &bytes));
	steps = json_loadb(bytes.p, bytes.n, 0, NULL);
	cr_assert(json_is_array(steps));
	json_array_foreach(steps, i, step) patch_step(out, step);
	json_decref(steps);
	return out;
}

static inline json_t *review_ask(admission *x, bool mutates, const char *body)
{
	buf out;

	buf_init(&out, 4 << 20);
	bool done = mutates ? admission_mutate(x, str_from(body), &out) : admission_validate(x, str_from(body), &out);
	cr_assert(done, "%s", body);
	json_t *doc = json_loadb(out.p, out.n, JSON_REJECT_DUPLICATES, NULL);
	cr_assert_not_null(doc, STR_FMT, STR_ARG(buf_str(&out)));
	buf_done(&out);
	return doc;
}

/* What became of a pod. */
typedef struct verdict {
	bool allowed;
	char message[1024], code[64], field[256];
	json_t *pod;      /* as it is kept; of a refused one as it came */
	json_t *response; /* the whole of it */
	json_t *doc;
} verdict;

static inline void verdict_done(verdict *v)
{
	json_decref(v->pod);
	json_decref(v->doc);
}

static inline void text_take(char *out, size_t max, const json_t *text)
{
	(void)snprintf(out, max, "%s", json_is_string(text) ? json_string_value(text) : "");
}

static inline verdict pod_judge(admission *x, const char *space, const json_t *object)
{
	char *text = json_dumps(object, JSON_COMPACT);
	size_t n = strlen(text) + 512;
	char *body = calloc(1, n);
	verdict v = {0};

	(void)snprintf(body, n,
		"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":\"u-1\","
		"\"resource\":{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},\"namespace\":\"%s\","
		"\"operation\":\"CREATE\",\"object\":%s,\"oldObject\":null,\"dryRun\":false}}",
		space, text);
	v.doc = review_ask(x, true, body);
	v.response = json_object_get(v.doc, "response");
	cr_assert_str_eq(json_string_value(json_object_get(v.response, "uid")), "u-1");
	v.allowed = json_is_true(json_object_get(v.response, "allowed"));
	json_t *status = json_object_get(v.response, "status");
	json_t *cause = json_array_get(json_object_get(json_object_get(status, "details"), "causes"), 0);
	text_take(v.message, sizeof(v.message), json_object_get(status, "message"));
	text_take(v.code, sizeof(v.code), json_object_get(cause, "reason"));
	text_take(v.field, sizeof(v.field), json_object_get(cause, "field"));
	cr_assert(v.allowed || !json_object_get(v.response, "patch"));
	v.pod = answer_apply((json_t *)(uintptr_t)object, v.response);
	free(text);
	free(body);
	return v;
}

/* The text of what a path names in the doc ("/spec/schedulerName"), or NULL. */
static inline const char *text_at(json_t *doc, const char *path)
{
	json_t *at = doc;
	char last[512];

	while (*path && at) {
		size_t n = 0;
		for (path++; *path && *path != '/'; path++) {
			bool is_marked = *path == '~';
			last[n++] = !is_marked ? *path : *++path == '1' ? '/' : '~';
		}
		last[n] = '\0';
		at = json_is_array(at) ? json_array_get(at, (size_t)strtoul(last, NULL, 10))
				       : json_object_get(at, last);
	}
	return json_string_value(at);
}

static inline json_t *doc_of(const char *text)
{
	json_error_t e;
	json_t *doc = json_loads(text, JSON_REJECT_DUPLICATES, &e);

	cr_assert_not_null(doc, "%s: %s", e.text, text);
	return doc;
}
