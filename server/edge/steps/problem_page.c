/* The page behind a problem's `type`. */
#include <stdio.h>

#include "server/edge/accept.h"
#include "server/edge/dispatch.h"
#include "server/edge/edge.h"
#include "server/edge/problem.h"

enum { CODE_MAX = 64 };

/* "etag-mismatch" for etag_mismatch; -1: there is none that a client is told. */
static int problem_find(str name)
{
	char code[CODE_MAX];

	if (!name.n || name.n >= CODE_MAX)
		return -1;
	for (uint32_t i = 0; i < name.n; i++) {
		if (name.p[i] == '_')
			return -1;
		code[i] = name.p[i] == '-' ? '_' : name.p[i];
	}
	for (int e = 1; e < ERR_COUNT; e++)
		if (problem_err((err)e) == (err)e && str_eq(str_of(code, name.n), str_from(err_code((err)e))))
			return e;
	return -1;
}

static const char *advice(err e)
{
	int status = err_status(e);

	if (err_is_retryable(e))
		return "The same request may succeed later: wait as Retry-After says, with the same Idempotency-Key.";
	if (status >= 500)
		return "The fault is the server's. Its operator finds the log line by the request's id (instance).";
	return "The same request will be refused again: change it first. detail and errors[] say what and where.";
}

static bool wants_html(const request *r)
{
	str accept = web_header_find(r->web, S("Accept"));

	while (accept.p)
		if (media_is(str_trim(str_split(&accept, ',')), S("text/html")))
			return true;
	return false;
}

step problem_page(request *r)
{
	int at = problem_find(r->vars[0]);
	buf *out = request_out(r);

	if (at < 0)
		return request_fail(r, ERR_NOT_FOUND);
	err e = (err)at;
	r->is_cacheable = true;
	if (!wants_html(r)) {
		buf_printf(out, "%s\n\ncode: %s\nstatus: %d\nretryable: %s\n\n%s\n", err_title(e), err_code(e),
			(int)err_status(e), err_is_retryable(e) ? "true" : "false", advice(e));
		return request_reply(r, 200, "text/plain; charset=utf-8", buf_str(out));
	}
	request_header(r, "Content-Security-Policy", S("default-src 'none'; frame-ancestors 'none'"));
	buf_printf(out,
		"<!doctype html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>%s</title>\n<h1>%s</h1>\n<dl><dt>code"
		"<dd><code>%s</code><dt>status<dd>%d<dt>retryable<dd>%s</dl>\n<p>%s</p>\n</html>\n",
		err_code(e), err_title(e), err_code(e), (int)err_status(e), err_is_retryable(e) ? "true" : "false",
		advice(e));
	return request_reply(r, 200, "text/html; charset=utf-8", buf_str(out));
}
