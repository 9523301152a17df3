#include "server/edge/quota_sheet.h"

const char *const sheet_kinds[SHEET_KINDS] = {"guaranteed", "limit", "lend_limit", "borrow_limit"};
const char *const sheet_axes[SHEET_AXES] = {"device_milli", "memory_mib", "compute_milli"};

enum { WEIGHT_ORDINARY = 1000 };

static const quota_axes *axes_of(const quota_model *m, int kind)
{
	const quota_axes *all[SHEET_KINDS] = {&m->guaranteed, &m->limit, &m->lend_limit, &m->borrow_limit};

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

static void model_merge(sheet_row *row, const quota_model *m)
{
	for (int kind = 0; kind < SHEET_KINDS; kind++) {
		if (js_nulled(&quota_model_type, m, sheet_kinds[kind]))
			kind_clear(row, kind);
		else if (js_given(&quota_model_type, m, sheet_kinds[kind]))
			axes_merge(row, kind, axes_of(m, kind));
	}
}

err sheet_merge(sheet *s, const tenant_quota *patch, fault *f)
{
	const quota_model *models = patch->models.v;

	for (uint32_t i = 0; i < patch->models.n; i++) {
		sheet_row *row = row_find(s, models[i].model);
		if (js_is_nulled_whole(&quota_model_type, &models[i])) {
			if (row)
				row_remove(s, row);
			continue;
		}
		if (!row && s->n == SHEET_ROWS_MAX)
			return fault_set(
				f, ERR_TOO_MANY_ITEMS, "#/models", "a quota names at most %d models", SHEET_ROWS_MAX);
		model_merge(row ? row : row_add(s, models[i].model), &models[i]);
	}
	if (js_given(&tenant_quota_type, patch, "weight"))
		s->weight = patch->weight;
	if (js_nulled(&tenant_quota_type, patch, "credits_limit"))
		s->credits_limit = SHEET_NONE;
	else if (js_given(&tenant_quota_type, patch, "credits_limit"))
		s->credits_limit = patch->credits_limit;
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

void sheet_write(js_writer *w, const sheet *s)
{
	js_key(w, S("models"));
	js_object_begin(w);
	for (uint32_t i = 0; i < s->n; i++) {
		js_key(w, s->rows[i].model);
		js_object_begin(w);
		for (int kind = 0; kind < SHEET_KINDS; kind++) {
			if (kind_is_empty(&s->rows[i], kind))
				continue;
			js_key(w, str_from(sheet_kinds[kind]));
			js_object_begin(w);
			for (int axis = 0; axis < SHEET_AXES; axis++)
				if (s->rows[i].v[kind][axis] != SHEET_NONE)
					js_put_i64(w, sheet_axes[axis], s->rows[i].v[kind][axis]);
			js_object_end(w);
		}
		js_object_end(w);
	}
	js_object_end(w);
	js_put_i64(w, "weight", s->weight);
	if (s->credits_limit != SHEET_NONE)
		js_put_i64(w, "credits_limit", s->credits_limit);
}
