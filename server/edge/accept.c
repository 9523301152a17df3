#include "server/edge/accept.h"

static const struct {
	const char *type;
	answer_form form;
} types[] = {
	{"application/json", FORM_JSON},
	{"application/*", FORM_JSON},
	{"*/*", FORM_JSON},
	{"application/problem+json", FORM_JSON},
	{"text/csv", FORM_CSV},
	{"application/x-ndjson", FORM_NDJSON},
	{"text/plain", FORM_TEXT},
	{"text/event-stream", FORM_EVENTS},
	{"text/markdown", FORM_MARKDOWN},
	{"text/*", FORM_EVENTS},
};

bool media_is(str content_type, str type)
{
	return str_eq_nocase(str_trim(str_split(&content_type, ';')), type);
}

/* What the route gives for a form that was named; -1: it has none. */
static int form_of(const route *t, answer_form named, bool is_any)
{
	if (t->flags & ROUTE_STREAM)
		return named == FORM_NDJSON ? FORM_NDJSON : (named == FORM_EVENTS || is_any) ? FORM_EVENTS : -1;
	if (named == FORM_JSON)
		return FORM_JSON;
	if (named == FORM_TEXT && route_has_pages(t))
		return FORM_TEXT;
	if (named == FORM_TEXT || named == FORM_MARKDOWN)
		return (t->flags & ROUTE_WRITTEN) ? (int)named : -1;
	return (t->flags & ROUTE_NEGOTIATES) && named != FORM_EVENTS ? (int)named : -1;
}

static bool is_refused(str params)
{
	while (params.p) {
		str one = str_trim(str_split(&params, ';'));
		if (str_eq(one, S("q=0")) || str_eq(one, S("q=0.0")))
			return true;
	}
	return false;
}

err accept_read(const route *t, str accept, answer_form *ret, fault *f)
{
	*ret = (t->flags & ROUTE_STREAM) ? FORM_EVENTS : FORM_JSON;
	if (!accept.p || (t->flags & ROUTE_PLAIN))
		return ERR_OK;
	while (accept.p) {
		str params = str_split(&accept, ',');
		str type = str_trim(str_split(&params, ';'));
		for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++) {
			bool is_any = str_eq(type, S("*/*"));
			if (!str_eq_nocase(type, str_from(types[i].type)) || is_refused(params))
				continue;
			int form = form_of(t, types[i].form, is_any);
			if (form >= 0) {
				*ret = (answer_form)form;
				return ERR_OK;
			}
		}
	}
	return fault_set(f, ERR_NOT_ACCEPTABLE, "Accept", "none of the accepted types is one this route answers in");
}
