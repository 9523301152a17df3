#include "server/edge/quota_sheet.h"

const char *const sheet_kinds[SHEET_KINDS] = {"guaranteed", "limit", "lend_limit", "borrow_limit", "class_limit"};
const char *const sheet_axes[SHEET_AXES] = {"device_milli", "memory_mib", "compute_milli"};

enum { WEIGHT_ORDINARY = 1000, CLASS_LIMIT = SHEET_MODEL_KINDS };

static const quota_axes *axes_of(const quota_model *m, int kind)
{
	const quota_axes *all[SHEET_MODEL_KINDS] = {&m->guaranteed, &m->limit, &m->lend_limit, &m->borrow_limit};

	return all[kind];
}

static int64_t amount_of(const quota_axes *a, int axis)
{
	const int64_t all[SHEET_AXES] = {a->device_milli, a->memory_mib, a->compute_milli};

	return all[axis];
}

void sheet_init(sheet *s)
{
	s->n = 0;
	s->weight = WEIGHT_ORDINARY;
	s->credits_limit = SHEET_NONE;
	s->reclaim_after_s = s->reclaim_grace_s = SHEET_NONE;
}

static sheet_row *row_find(sheet *s, str model)
{
	for (uint32_t i = 0; i < s->n; i++)
		if (str_eq(s->rows[i].model, model))
			return &s->rows[i];
	return NULL;
}

static void kind_clear(sheet_row *row, int kind)
{
	for (int axis = 0; axis < SHEET_AXES; axis++)
		row->v[kind][axis] = SHEET_NONE;
}

static sheet_row *row_add(sheet *s, str model)
{
	sheet_row *row = &s->rows[s->n++];

	row->model = model;
	for (int kind = 0; kind < SHEET_KINDS; kind++)
		kind_clear(row, kind);
	return row;
}

static void row_remove(sheet *s, sheet_row *row)
{
	*row = s->rows[--s->n];
}

static void axes_merge(sheet_row *row, int kind, const quota_axes *a)
{
	for (int axis = 0; axis < SHEET_AXES; axis++) {
		if (js_nulled(&quota_axes_type, a, sheet_axes[axis]))
			row->v[kind][axis] = SHEET_NONE;
		else if (js_given(&quota_axes_type, a, sheet_axes[axis]))
			row->v[kind][axis] = amount_of(a, axis);
	}
}

static void kind_merge(sheet_row *row, int kind, const js_type *t, const void *v, const char *name, const quota_axes *a)
{
	if (js_nulled(t, v, name))
		kind_clear(row, kind);
	else if (js_given(t, v, name))
		axes_merge(row, kind, a);
}

static void model_merge(sheet_row *row, const quota_model *m)
{
	bool is_gone = js_is_nulled_whole(&quota_model_type, m);

	for (int kind = 0; kind < SHEET_MODEL_KINDS; kind++) {
		if (is_gone)
			kind_clear(row, kind);
		else
			kind_merge(row, kind, &quota_model_type, m, sheet_kinds[kind], axes_of(m, kind));
	}
}

static void class_merge(sheet_row *row, const quota_class *c)
{
	if (js_is_nulled_whole(&quota_class_type, c))
		kind_clear(row, CLASS_LIMIT);
	else
		kind_merge(row, CLASS_LIMIT, &quota_class_type, c, "limit", &c->limit);
}

/* The row of that name, made when there is none; NULL when the sheet is full. */
static sheet_row *row_get(sheet *s, str name, const char *pointer, fault *f)
{
	sheet_row *row = row_find(s, name);

	if (row || s->n < SHEET_ROWS_MAX)
		return row ? row : row_add(s, name);
	(void)fault_set(f, ERR_TOO_MANY_ITEMS, pointer, "a quota names at most %d models and classes", SHEET_ROWS_MAX);
	return NULL;
}

static void reclaim_merge(sheet *s, const tenant_quota *patch)
{
	if (js_nulled(&tenant_quota_type, patch, "reclaim")) {
		s->reclaim_after_s = s->reclaim_grace_s = SHEET_NONE;
	} else if (js_given(&tenant_quota_type, patch, "reclaim")) {
		s->reclaim_after_s = patch->reclaim.after_s;
		s->reclaim_grace_s = patch->reclaim.grace_s;
	}
}

err sheet_merge(sheet *s, const tenant_quota *patch, fault *f)
{
	const quota_model *models = patch->models.v;
	const quota_class *classes = patch->classes.v;
	sheet_row *row;

	for (uint32_t i = 0; i < patch->models.n; i++) {
		if (!(row = row_get(s, models[i].model, "#/models", f)))
			return ERR_TOO_MANY_ITEMS;
		model_merge(row, &models[i]);
	}
	for (uint32_t i = 0; i < patch->classes.n; i++) {
		if (!(row = row_get(s, classes[i].class, "#/classes", f)))
			return ERR_TOO_MANY_ITEMS;
		class_merge(row, &classes[i]);
	}
	if (js_given(&tenant_quota_type, patch, "weight"))
		s->weight = patch->weight;
	if (js_nulled(&tenant_quota_type, patch, "credits_limit"))
		s->credits_limit = SHEET_NONE;
	else if (js_given(&tenant_quota_type, patch, "credits_limit"))
		s->credits_limit = patch->credits_limit;
	reclaim_merge(s, patch);
	return ERR_OK;
}

static bool kind_is_empty(const sheet_row *row, int kind)
{
	for (int axis = 0; axis < SHEET_AXES; axis++)
		if (row->v[kind][axis] != SHEET_NONE)
			return false;
	return true;
}

void sheet_trim(sheet *s)
{
	for (uint32_t i = s->n; i-- > 0;) {
		bool is_empty = true;
		for (int kind = 0; kind < SHEET_KINDS; kind++)
			is_empty &= kind_is_empty(&s->rows[i], kind);
		if (is_empty)
			row_remove(s, &s->rows[i]);
	}
}

static void kind_write(js_writer *w, const sheet_row *row, int kind, const char *name)
{
	if (kind_is_empty(row, kind))
		return;
	js_key(w, str_from(name));
	js_object_begin(w);
	for (int axis = 0; axis < SHEET_AXES; axis++)
		if (row->v[kind][axis] != SHEET_NONE)
			js_put_i64(w, sheet_axes[axis], row->v[kind][axis]);
	js_object_end(w);
}

static bool has_terms(const sheet_row *row)
{
	bool has = false;

	for (int kind = 0; kind < SHEET_MODEL_KINDS; kind++)
		has |= !kind_is_empty(row, kind);
	return has;
}

static void models_write(js_writer *w, const sheet *s)
{
	js_key(w, S("models"));
	js_object_begin(w);
	for (uint32_t i = 0; i < s->n; i++) {
		if (!has_terms(&s->rows[i]))
			continue;
		js_key(w, s->rows[i].model);
		js_object_begin(w);
		for (int kind = 0; kind < SHEET_MODEL_KINDS; kind++)
			kind_write(w, &s->rows[i], kind, sheet_kinds[kind]);
		js_object_end(w);
	}
	js_object_end(w);
}

static void classes_write(js_writer *w, const sheet *s)
{
	js_key(w, S("classes"));
	js_object_begin(w);
	for (uint32_t i = 0; i < s->n; i++) {
		if (kind_is_empty(&s->rows[i], CLASS_LIMIT))
			continue;
		js_key(w, s->rows[i].model);
		js_object_begin(w);
		kind_write(w, &s->rows[i], CLASS_LIMIT, "limit");
		js_object_end(w);
	}
	js_object_end(w);
}

void sheet_write(js_writer *w, const sheet *s)
{
	models_write(w, s);
	classes_write(w, s);
	js_put_i64(w, "weight", s->weight);
	if (s->credits_limit != SHEET_NONE)
		js_put_i64(w, "credits_limit", s->credits_limit);
	if (s->reclaim_after_s == SHEET_NONE)
		return;
	js_key(w, S("reclaim"));
	js_object_begin(w);
	js_put_i64(w, "after_s", s->reclaim_after_s);
	js_put_i64(w, "grace_s", s->reclaim_grace_s);
	js_object_end(w);
}
