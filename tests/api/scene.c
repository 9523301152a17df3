#include "scene.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"

enum { KEPT_MAX = 32, NAME_BYTES = 64, VALUE_BYTES = 512, TEXT_BYTES = 9 << 20 };

static struct {
	char name[NAME_BYTES], value[VALUE_BYTES];
} kept[KEPT_MAX];
static int n_kept;

static const char *kept_find(str name)
{
	for (int i = n_kept - 1; i >= 0; i--)
		if (str_eq(str_from(kept[i].name), name))
			return kept[i].value;
	return NULL;
}

/* {+3600}: the time in an hour, {-60}: a minute ago; NULL: it is no such name. */
static const char *moment_of(arena *a, str name)
{
	char out[CLOCK_TEXT_MAX];
	int64_t s;

	if (!name.n || (name.p[0] != '+' && name.p[0] != '-') || !str_to_i64(str_cut(name, 1, name.n), &s))
		return NULL;
	(void)clock_text(clock_now_us() + (name.p[0] == '-' ? -s : s) * 1000000, out);
	return str_z(a, str_from(out));
}

/* Braces that name nothing kept stay as they are: JSON is full of them. */
static const char *filled(arena *a, const char *text)
{
	if (!text || !strchr(text, '{'))
		return text;
	str rest = str_from(text), out = S("");
	while (rest.p) {
		str plain = str_split(&rest, '{'), more = rest;
		out = str_print(a, STR_FMT STR_FMT, STR_ARG(out), STR_ARG(plain));
		if (!rest.p)
			break;
		str name = str_split(&more, '}');
		const char *value = kept_find(name);
		value = value ? value : moment_of(a, name);
		if (value)
			rest = more;
		out = str_print(a, STR_FMT "%s", STR_ARG(out), value ? value : "{");
	}
	return str_z(a, out);
}

static const char *quoted(arena *a, const char *text)
{
	char *copy = (char *)str_z(a, str_from(text));

	for (char *p = copy; *p; p++)
		if (*p == '\'')
			*p = '"';
	return copy;
}

static void keep(const scene *s, const answer *r)
{
	str member = str_from(s->keep), name = str_split(&member, '=');
	const char *key = member.p;
	int i = n_kept++;

	cr_assert_lt(i, KEPT_MAX);
	snprintf(kept[i].name, NAME_BYTES, STR_FMT, STR_ARG(name));
	if (*key == '@') {
		str v = answer_header(r, key + 1);
		snprintf(kept[i].value, VALUE_BYTES, STR_FMT, STR_ARG(v));
		return;
	}
	const json_t *v = json_object_get(r->doc, key);
	if (json_is_integer(v))
		snprintf(kept[i].value, VALUE_BYTES, "%lld", (long long)json_integer_value(v));
	else
		snprintf(kept[i].value, VALUE_BYTES, "%s", json_string_value(v) ? json_string_value(v) : "?");
}

static bool header_holds(const scene *s, const answer *r)
{
	str want = str_from(s->header), name = str_split(&want, ':');
	char key[NAME_BYTES], got[VALUE_BYTES];

	if (s->header[0] == '!')
		return !answer_header(r, s->header + 1).p;
	snprintf(key, sizeof(key), STR_FMT, STR_ARG(name));
	snprintf(got, sizeof(got), STR_FMT, STR_ARG(answer_header(r, key)));
	return strstr(got, want.p + 1) != NULL;
}

/* Every refusal is a problem with a code and the request's id, and names nothing of a server's inside. */
static bool problem_holds(const answer *r)
{
	str sent = answer_header(r, "X-Request-Id");
	const char *instance = json_string_value(json_object_get(r->doc, "instance"));

	return str_starts(answer_header(r, "Content-Type"), S("application/problem+json")) && instance && sent.p &&
	       str_eq(str_from(instance), sent) && json_is_string(json_object_get(r->doc, "code")) &&
	       json_integer_value(json_object_get(r->doc, "status")) == r->status;
}

static bool play(const scene *s, arena *a, answer *r)
{
	const char *token = s->role ? served_token(s->role, s->at) : NULL;
	bool ok;

	*r = served_call(a, token, s->method, filled(a, s->path), filled(a, s->head), filled(a, s->body));
	ok = r->status == s->status && (r->status < 400 || strcmp(s->method, "HEAD") == 0 || problem_holds(r));
	if (ok && s->json) {
		json_t *part = json_loads(quoted(a, filled(a, s->json)), JSON_DECODE_ANY, NULL);
		cr_assert(part, "%s: the row's own JSON is broken", s->rule);
		ok = json_has(r->doc, part);
		json_decref(part);
	}
	return ok && (!s->header || header_holds(s, r));
}

void scenes_play(const scene *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_ARENA a = arena_new(0);
		answer r;
		bool ok = play(&v[i], a, &r);
		cr_expect(ok, "%s: %s %s gave %d\n" STR_FMT "\n" STR_FMT, v[i].rule, v[i].method, v[i].path, r.status,
			STR_ARG(r.head), STR_ARG(str_cut(r.body, 0, 1500)));
		if (v[i].keep && ok)
			keep(&v[i], &r);
	}
}
