#include "server/edge/problem.h"

#include <stdio.h>
#include "db/fault.h"
#include "json/write.h"

enum { RETRY_SOON_S = 1, TYPE_MAX = 64 };

err problem_err(err e)
{
	e = err_for_client(e);
	if (e == ERR_TIMEOUT || e == ERR_CLOSED || e == ERR_DB_RETRY)
		return ERR_UNAVAILABLE;
	if (e == ERR_DB_UNKNOWN)
		return ERR_DECISION_TIMEOUT;
#define E(id, status, code, title) (e == ERR_##id && (status) == 0) ||
	if (
#include "errors.def"
		false)
		return ERR_INTERNAL;
#undef E
	return e;
}

static void problem_type(js_writer *w, err e)
{
	char type[TYPE_MAX];
	int n = snprintf(type, sizeof(type), "/problems/%s", err_code(e));

	for (int i = (int)sizeof("/problems/") - 1; i < n; i++)
		if (type[i] == '_')
			type[i] = '-';
	js_put_text(w, "type", str_of(type, (size_t)n));
}

/* The code of RFC 6749, 5.2, or of RFC 8693, 2.2.2, where a token that is not taken makes the request invalid. */
static const char *oauth_error(const problem *p)
{
	static const char *const of[][2] = {{"grant_type", "unsupported_grant_type"}, {"scope", "invalid_scope"}};

	for (size_t i = 0; p->fault && i < sizeof(of) / sizeof(*of); i++)
		if (strcmp(p->fault->pointer, of[i][0]) == 0)
			return of[i][1];
	return "invalid_request";
}

static void oauth_write(js_writer *w, const problem *p, str detail)
{
	if (p->claim)
		js_put_text(w, "claim", str_from(p->claim));
	if (!p->is_oauth || err_status(p->e) >= 500)
		return;
	js_put_text(w, "error", str_from(oauth_error(p)));
	js_put_text(w, "error_description", detail);
}

void problem_write(buf *out, const problem *p)
{
	err e = problem_err(p->e);
	bool is_inside = e != p->e && err_status(e) == 500;
	str detail = p->fault && !is_inside ? str_from(p->fault->detail) : S("");
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	problem_type(&w, e);
	js_put_text(&w, "title", str_from(err_title(e)));
	js_put_i64(&w, "status", err_status(e));
	detail = detail.n && str_is_utf8(detail) ? detail : str_from(err_title(e));
	js_put_text(&w, "detail", detail);
	js_put_text(&w, "instance", p->instance);
	js_put_text(&w, "code", str_from(err_code(e)));
	js_put_bool(&w, "retryable", err_is_retryable(e));
	if (p->current_etag.p)
		js_put_text(&w, "current_etag", p->current_etag);
	oauth_write(&w, p, detail);
	if (p->violated) {
		js_key(&w, S("violated-policies"));
		js_array_begin(&w);
		js_text(&w, str_from(p->violated));
		js_array_end(&w);
	}
	if (p->fault && !is_inside && p->fault->pointer[0]) {
		js_key(&w, S("errors"));
		js_array_begin(&w);
		js_object_begin(&w);
		js_put_text(&w, "pointer", str_from(p->fault->pointer));
		js_put_text(&w, "detail", detail);
		js_object_end(&w);
		js_array_end(&w);
	}
	js_object_end(&w);
}

void problem_headers(buf *out, const problem *p)
{
	err e = problem_err(p->e);
	int32_t retry_s = p->fault ? p->fault->retry_after_s : 0;

	if (!retry_s && err_is_retryable(e) && e != ERR_INTERNAL)
		retry_s = RETRY_SOON_S;
	if (retry_s)
		buf_printf(out, "Retry-After: %d\r\n", (int)retry_s);
	if (err_status(e) == 401)
		buf_printf(out, "WWW-Authenticate: Bearer%s\r\n",
			e == ERR_TOKEN_INVALID || e == ERR_TOKEN_EXPIRED ? " error=\"invalid_token\"" : "");
}
