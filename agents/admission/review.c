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

static err resource_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {FIELDS_ROW(review, "resource", resource, fields_text_into)};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

static err groups_read(pull *p, arena *a, void *to)
{
	bool *ret_is_master = to;
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		str group = STR_NONE;
		e = fields_word(p, a, &group);
		*ret_is_master = *ret_is_master || str_eq(group, S("system:masters"));
	}
	return e ? e : p->e;
}

static err user_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(review, "username", user, fields_text_into),
		FIELDS_ROW(review, "groups", is_master, groups_read),
	};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

static err object_read(pull *p, arena *a, void *to)
{
	str bytes;
	err e = pull_span(p, &bytes);

	(void)a;
	if (!e && !str_eq(bytes, S("null")))
		*(str *)to = bytes;
	return e;
}

static err request_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(review, "uid", uid, fields_text_into),
		FIELDS_ROW(review, "operation", operation, fields_text_into),
		FIELDS_ROW(review, "subResource", sub_resource, fields_text_into),
		FIELDS_ROW(review, "namespace", space, fields_text_into),
		FIELDS_ROW(review, "name", name, fields_text_into),
		FIELDS_ALL("resource", resource_read),
		FIELDS_ALL("userInfo", user_read),
		FIELDS_ROW(review, "dryRun", is_dry_run, fields_bool_into),
		FIELDS_ROW(review, "oldObject", old, object_read),
		FIELDS_ROW(review, "object", object, object_read),
	};
	err e;

	return fields_object(p, &e) ? fields_rest(p, a, FIELDS_ROWS(rows), to) : e ? e : ERR_BAD_FIELD;
}

typedef struct envelope {
	str version;
	review review;
} envelope;

static err envelope_read(pull *p, arena *a, envelope *ret)
{
	static const fields_row rows[] = {
		FIELDS_ROW(envelope, "apiVersion", version, fields_text_into),
		FIELDS_ROW(envelope, "request", review, request_read),
	};
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	e = fields_rest(p, a, FIELDS_ROWS(rows), ret);
	return e ? e : pull_finish(p);
}

err review_read(str body, arena *a, review *ret, fault *f)
{
	envelope it = {.review = {.sub_resource = {"", 0}, .space = {"", 0}, .name = {"", 0}, .user = {"", 0}}};
	pull p;

	pull_init(&p, body, OBJECT_DEPTH_MAX + 2);
	err e = envelope_read(&p, a, &it);
	*ret = it.review;
	if (e)
		return fault_set(f, ERR_BAD_FIELD, "#/request", "the body is no AdmissionReview: %s", err_code(e));
	if (!str_eq(it.version, S(VERSION)))
		return fault_set(f, ERR_BAD_FIELD, "#/apiVersion", "only " VERSION " is spoken here, not " STR_FMT,
			STR_ARG(str_cut(it.version, 0, 64)));
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
