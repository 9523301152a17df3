/* The manifest whose plan is empty. */
#include "json/write.h"
#include "server/plan/plan_inside.h"

enum { WEIGHT_ORDINARY = 1000 };

/* The manager of everything below top, when it is one. */
static str manager_of(const plan_input *in, str top)
{
	str one = STR_NONE;

	for (uint32_t i = 0; i < in->managed_n; i++) {
		const sql_plan_managed_row *m = &in->managed[i];
		if (m->is_gone || !path_is_below(m->path, top))
			continue;
		if (one.p && !str_eq(one, m->manager))
			return STR_NONE;
		one = m->manager;
	}
	return one;
}

static void quota_write(js_writer *w, planning *p, const plan_node *n)
{
	const sql_plan_tenants_row *t = n->live;
	sheet *s = ARENA_NEW(p->a, sheet);
	bool is_plain = t->weight == WEIGHT_ORDINARY && t->credits_limit_null && t->reclaim_after_s_null;

	if (!n->n_quotas && is_plain)
		return;
	sheet_init(s);
	for (; s->n < n->n_quotas && s->n < SHEET_ROWS_MAX; s->n++)
		sheet_row_of(&n->quotas[s->n], &s->rows[s->n]);
	s->weight = t->weight;
	s->credits_limit = t->credits_limit_null ? SHEET_NONE : t->credits_limit;
	s->reclaim_after_s = t->reclaim_after_s_null ? SHEET_NONE : t->reclaim_after_s;
	s->reclaim_grace_s = t->reclaim_grace_s_null ? SHEET_NONE : t->reclaim_grace_s;
	js_key(w, S("quota"));
	js_object_begin(w);
	sheet_write(w, s);
	js_object_end(w);
}

static bool is_told(const sql_plan_bindings_row *b)
{
	return b->expires_at_null && role_find(b->role);
}

/* From the i-th on, those of one subject; the number of the one behind them. */
static uint32_t subject_write(js_writer *w, const plan_node *n, uint32_t i)
{
	const sql_plan_bindings_row *b = n->bindings;
	str subject = b[i].subject;

	js_key(w, subject);
	js_object_begin(w);
	js_key(w, S("roles"));
	js_array_begin(w);
	for (; i < n->n_bindings && str_eq(b[i].subject, subject); i++)
		if (is_told(&b[i]))
			js_text(w, b[i].role);
	js_array_end(w);
	js_object_end(w);
	return i;
}

/* Those without an end: others are not for a manifest. Who may not see bindings is told of none. */
static void bindings_write(js_writer *w, const planning *p, const plan_node *n)
{
	bool is_any = false;

	for (uint32_t i = 0; i < n->n_bindings; i++)
		is_any |= is_told(&n->bindings[i]);
	if (!is_any || !rights_hold(grants_at(p->in->grants, n->path), RIGHT_BINDING_READ))
		return;
	js_key(w, S("bindings"));
	js_object_begin(w);
	for (uint32_t i = 0; i < n->n_bindings;)
		if (is_told(&n->bindings[i]))
			i = subject_write(w, n, i);
		else
			i++;
	js_object_end(w);
}

static void budgets_write(js_writer *w, const plan_node *n)
{
	const sql_plan_budgets_row *b = n->budgets;

	if (!n->n_budgets)
		return;
	js_key(w, S("budgets"));
	js_object_begin(w);
	for (uint32_t i = 0; i < n->n_budgets; i++) {
		js_key(w, b[i].period);
		js_object_begin(w);
		if (b[i].description.n)
			js_put_text(w, "description", b[i].description);
		js_put_i64(w, "amount", b[i].amount);
		js_put_raw(w, "thresholds", b[i].thresholds);
		js_put_text(w, "action", b[i].action);
		js_object_end(w);
	}
	js_object_end(w);
}

static bool is_system(const plan_node *n)
{
	return str_eq(n->path, S("system"));
}

static void members_write(js_writer *w, planning *p, const plan_node *n)
{
	if (n->live->description.n)
		js_put_text(w, "description", n->live->description);
	if (!str_eq(n->live->labels, S("{}")))
		js_put_raw(w, "labels", n->live->labels);
	quota_write(w, p, n);
	bindings_write(w, p, n);
	budgets_write(w, n);
}

static void node_write(js_writer *w, planning *p, const plan_node *n)
{
	js_key(w, n->name);
	js_object_begin(w);
	if (n->live)
		members_write(w, p, n);
	if (n->kid) {
		js_key(w, S("tenants"));
		js_object_begin(w);
		for (const plan_node *k = n->kid; k; k = k->beside)
			node_write(w, p, k);
		js_object_end(w);
	}
	js_object_end(w);
}

/* Those above `top` are ways to it and nothing else. */
static uint32_t ways_open(js_writer *w, str top)
{
	uint32_t n = 0;

	for (;;) {
		str name = str_split(&top, '/');
		if (!top.p)
			return n;
		js_key(w, name);
		js_object_begin(w);
		js_key(w, S("tenants"));
		js_object_begin(w);
		n++;
	}
}

void manifest_print(arena *a, const plan_input *in, str top, str manager, buf *out)
{
	planning *p;
	fault f;
	js_writer w = js_writer_on(out);
	str keeper = manager.p ? manager : manager_of(in, top);

	if (plan_begin(a, in, &p, &f))
		return;
	js_object_begin(&w);
	js_put_text(&w, "manager", keeper.p ? keeper : S("export"));
	js_put_bool(&w, "prune", false);
	js_put_bool(&w, "adopt", false);
	js_key(&w, S("tenants"));
	js_object_begin(&w);
	uint32_t ways = top.n ? ways_open(&w, top) : 0;
	for (uint32_t i = 0; i < p->n; i++) {
		const plan_node *n = &p->nodes[i];
		bool is_top = top.n ? str_eq(n->path, top) : !n->up && !is_system(n);
		if (is_top)
			node_write(&w, p, n);
	}
	for (; ways; ways--) {
		js_object_end(&w);
		js_object_end(&w);
	}
	js_object_end(&w);
	js_object_end(&w);
}
