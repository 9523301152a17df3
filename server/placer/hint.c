#include "server/placer/hint.h"

#include "engine/fleet.h"
#include "json/write.h"
#include "server/placer/use.h"

enum { HINT_LOOKS = 20000, HINT_BYTES = 1 << 20 };

static str kept(buf *out, arena *a)
{
	str text = str_dup(a, buf_str(out));

	buf_done(out);
	return text;
}

/* By hand: what does not apply is left out. */
static str levels_write(const books *b, const booking *k, arena *a)
{
	buf out;
	js_writer w = js_writer_on(&out);

	buf_init(&out, HINT_BYTES);
	js_array_begin(&w);
	for (int32_t t = books_payer(b, k->tenant_key)->handle; k->terms.model >= 0 && t != FLEET_NONE;
		t = quota_parent(b->tree, t)) {
		int64_t left = quota_left(b->tree, t, k->terms.model).v[AXIS_DEVICE_MILLI];
		js_object_begin(&w);
		js_put_text(&w, "tenant", b->payer_of.v[t]->path);
		js_put_text(&w, "model", b->fleet.classes.v[k->terms.model].name);
		js_put_i64(&w, "need", k->terms.milli);
		if (left < QUOTA_USE_MAX / 2)
			js_put_i64(&w, "free", left);
		js_object_end(&w);
	}
	js_array_end(&w);
	return kept(&out, a);
}

static str group_name(const request_ask *w, int32_t group)
{
	const group_ask *g = w->groups.v;

	return group == FLEET_NONE ? STR_NONE : g[group].name;
}

static str value_name(const books *b, const advice *x)
{
	if (x->kind == ADVICE_CLUSTER)
		return b->fleet.clusters.v[x->handle].name;
	return x->kind == ADVICE_CLASS ? b->fleet.classes.v[x->handle].name : STR_NONE;
}

static void change_write(const books *b, const request_ask *of, const advice *x, js_writer *w)
{
	str group = group_name(of, x->group), value = value_name(b, x);

	js_object_begin(w);
	js_put_text(w, "change", str_from(advice_name(x->kind)));
	if (group.n)
		js_put_text(w, "group", group);
	if (x->entry != FLEET_NONE)
		js_put_i64(w, "entry", x->entry);
	if (value.n)
		js_put_text(w, "value", value);
	if (x->most)
		js_put_i64(w, "most", x->most);
	js_object_end(w);
}

str hint_changes(const books *b, const request_ask *of, const advices *said, arena *a)
{
	buf out;
	js_writer w = js_writer_on(&out);

	buf_init(&out, HINT_BYTES);
	js_array_begin(&w);
	for (int32_t i = 0; i < said->n; i++)
		change_write(b, of, &said->v[i], &w);
	js_array_end(&w);
	return kept(&out, a);
}

/* The nearest before it in its line, and how many there are in all. */
static str own_write(const booking *k, arena *a, int64_t *ret_n)
{
	str text = S("[");
	int n = 0;

	for (const booking *x = k->older; x && n < HINT_OWN_MAX; x = x->older, n++)
		text = str_print(a, STR_FMT "%s\"" STR_FMT "\"", STR_ARG(text), n ? "," : "", STR_ARG(x->id));
	for (const booking *x = k->older; x; x = x->older)
		++*ret_n;
	return str_print(a, STR_FMT "]", STR_ARG(text));
}

static void hint_make(turn *t, books *b, booking *k)
{
	turn_hint h = {.of = k, .changes = S("[]"), .position = use_position(b, k, t->now_us)};
	placement_request q;
	request_ask w;
	reasons r;
	advices said;
	fault f;
	int64_t own = 0;

	k->hinted_at_us = t->now_us;
	h.quota = levels_write(b, k, t->a);
	h.ahead_own = own_write(k, t->a, &own);
	h.ahead_others = h.position ? h.position - 1 - own : -1;
	if (!k->reserved.n && request_read(b, k->tenant_key, k->request, t->a, &q, &f) == ERR_OK &&
		request_to_ask(b, &q, t->a, &w, &r)) {
		advise_within(
			b->room, &b->fleet, b->tree, books_payer(b, k->tenant_key)->handle, &w.ask, HINT_TRIES, &said);
		h.changes = hint_changes(b, &w, &said, t->a);
	}
	vec_push(&t->hints, h);
}

/* The one whose hint is the oldest, among the first of each line and those that have none. */
static booking *next(books *b, int64_t before_us)
{
	booking *best = NULL;
	int32_t looks = HINT_LOOKS;

	queue_each(k, &b->waiting)
	{
		if (looks-- <= 0)
			return best;
		if (k->hinted_at_us < before_us && (!best || k->hinted_at_us < best->hinted_at_us))
			best = k;
	}
	return best;
}

void hints_make(turn *t, books *b)
{
	b->looks_left = HINT_LOOKS;
	for (int i = 0; i < HINTS_PER_S; i++) {
		booking *k = next(b, t->now_us);
		if (!k)
			return;
		hint_make(t, b, k);
	}
}

void hint_drop(turn *t, booking *k)
{
	if (!k->hinted_at_us)
		return;
	k->hinted_at_us = 0;
	for (uint32_t i = 0; i < t->hints.n; i++)
		if (t->hints.v[i].of == k)
			vec_remove_fast(&t->hints, i--);
	vec_push(&t->unhinted, str_dup(t->a, k->id));
}
