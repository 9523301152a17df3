#include "agents/admission/review.h"
#include <stdio.h>
#include "agents/kube/fields.h"
#include "base/base64.h"
#include "json/write.h"

#define VERSION "admission.k8s.io/v1"

static const struct refusal_row {
	int status;
	const char *code;
} refusals[] = {
	[REFUSAL_NONE] = {200, "none"},
#define R(id, status, code, means) [REFUSAL_##id] = {status, code},
#include "agents/admission/refusals.def"
#undef R
};

const char *refusal_code(refusal r)
{
	return refusals[r].code;
}

int refusal_status(refusal r)
{
	return refusals[r].status;
}

static err resource_read(pull *p, arena *a, str *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("resource")) ? fields_text(p, a, ret) : pull_skip(p);
	return e ? e : p->e;
}

static err groups_read(pull *p, arena *a, review *ret)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		str group = STR_NONE;
		e = fields_word(p, a, &group);
		ret->is_master = ret->is_master || str_eq(group, S("system:masters"));
	}
	return e ? e : p->e;
}

static err user_read(pull *p, arena *a, review *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("username")))
			e = fields_text(p, a, &ret->user);
		else
			e = str_eq(key, S("groups")) ? groups_read(p, a, ret) : pull_skip(p);
	}
	return e ? e : p->e;
}

static err object_read(pull *p, str *ret)
{
	str bytes;
	err e = pull_span(p, &bytes);

	if (!e && !str_eq(bytes, S("null")))
		*ret = bytes;
	return e;
}

static err member_read(pull *p, arena *a, str key, review *ret)
{
	const struct {
		const char *key;
		str *at;
	} texts[] = {
		{"uid", &ret->uid},
		{"operation", &ret->operation},
		{"subResource", &ret->sub_resource},
		{"namespace", &ret->space},
		{"name", &ret->name},
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		if (str_eq(key, str_from(texts[i].key)))
			return fields_text(p, a, texts[i].at);
	if (str_eq(key, S("resource")))
		return resource_read(p, a, &ret->resource);
	if (str_eq(key, S("userInfo")))
		return user_read(p, a, ret);
	if (str_eq(key, S("dryRun")))
		return fields_bool(p, &ret->is_dry_run);
	if (str_eq(key, S("oldObject")))
		return object_read(p, &ret->old);
	return str_eq(key, S("object")) ? object_read(p, &ret->object) : pull_skip(p);
}

static err request_read(pull *p, arena *a, review *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape))
		e = member_read(p, a, key, ret);
	return e ? e : p->e;
}

static err envelope_read(pull *p, arena *a, str *ret_version, review *ret)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("apiVersion")))
			e = fields_text(p, a, ret_version);
		else
			e = str_eq(key, S("request")) ? request_read(p, a, ret) : pull_skip(p);
	}
	if (!e)
		e = p->e;
	return e ? e : pull_finish(p);
}

err review_read(str body, arena *a, review *ret, fault *f)
{
	str version = STR_NONE;
	pull p;

	*ret = (review){.sub_resource = {"", 0}, .space = {"", 0}, .name = {"", 0}, .user = {"", 0}};
	pull_init(&p, body, OBJECT_DEPTH_MAX + 2);
	err e = envelope_read(&p, a, &version, ret);
	if (e)
		return fault_set(f, ERR_BAD_FIELD, "#/request", "the body is no AdmissionReview: %s", err_code(e));
	if (!str_eq(version, S(VERSION)))
		return fault_set(f, ERR_BAD_FIELD, "#/apiVersion", "only " VERSION " is spoken here, not " STR_FMT,
			STR_ARG(str_cut(version, 0, 64)));
	if (!ret->uid.n || ret->uid.n > REVIEW_UID_MAX)
		return fault_set(f, ERR_BAD_FIELD, "#/request/uid", "a review needs a uid");
	return ERR_OK;
}

void review_warn(review_answer *r, str text)
{
	if (r->n_warnings < REVIEW_WARNINGS_MAX)
		r->warnings[r->n_warnings++] = text;
}

void review_note(review_answer *r, const char *key, str value)
{
	if (r->n_audit < sizeof(r->audit) / sizeof(r->audit[0]))
		r->audit[r->n_audit++] = (object_pair){str_from(key), value};
}

static void causes_write(js_writer *w, const review_answer *r)
{
	js_key(w, S("details"));
	js_object_begin(w);
	js_key(w, S("causes"));
	js_array_begin(w);
	js_object_begin(w);
	js_put_text(w, "reason", str_from(refusal_code(r->refused)));
	js_put_text(w, "message", str_from(r->why.detail));
	if (r->why.pointer[0])
		js_put_text(w, "field", str_from(r->why.pointer));
	js_object_end(w);
	js_array_end(w);
	js_object_end(w);
}

static void status_write(js_writer *w, const review_answer *r)
{
	char text[FAULT_DETAIL_MAX + 64];
	int n = snprintf(text, sizeof(text), "%s (%s)", r->why.detail, refusal_code(r->refused));

	js_key(w, S("status"));
	js_object_begin(w);
	js_put_text(w, "status", S("Failure"));
	js_put_text(w, "message", str_of(text, (size_t)n));
	js_put_text(w, "reason", refusal_status(r->refused) == 403 ? S("Forbidden") : S("BadRequest"));
	causes_write(w, r);
	js_put_i64(w, "code", refusal_status(r->refused));
	js_object_end(w);
}

static void words_write(js_writer *w, const review_answer *r)
{
	if (r->n_warnings) {
		js_key(w, S("warnings"));
		js_array_begin(w);
		for (uint32_t i = 0; i < r->n_warnings; i++)
			js_text(w, r->warnings[i]);
		js_array_end(w);
	}
	if (!r->n_audit && !r->refused)
		return;
	js_key(w, S("auditAnnotations"));
	js_object_begin(w);
	for (uint32_t i = 0; i < r->n_audit; i++) {
		js_key(w, r->audit[i].key);
		js_text(w, r->audit[i].value);
	}
	if (r->refused)
		js_put_text(w, "refused", str_from(refusal_code(r->refused)));
	js_object_end(w);
}

void review_write(const review *q, const review_answer *r, buf *out)
{
	AUTO_ARENA a = arena_new(0);
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_put_text(&w, "apiVersion", S(VERSION));
	js_put_text(&w, "kind", S("AdmissionReview"));
	js_key(&w, S("response"));
	js_object_begin(&w);
	js_put_text(&w, "uid", q->uid);
	js_put_bool(&w, "allowed", r->refused == REFUSAL_NONE);
	if (r->refused)
		status_write(&w, r);
	else if (r->patch.n) {
		js_put_text(&w, "patchType", S("JSONPatch"));
		js_put_text(&w, "patch", base64_print(r->patch, a));
	}
	words_write(&w, r);
	js_object_end(&w);
	js_object_end(&w);
}
