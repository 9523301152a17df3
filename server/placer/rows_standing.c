#include "server/placer/rows_inside.h"

#include "engine/charge.h"

static str number_name(turn *t, const books *b, int32_t number)
{
	char room[CHARGE_NAME_MAX];

	return number == FLEET_NONE ? S("") : str_dup(t->a, charge_name(&b->fleet, number, room));
}

static int32_t key_of(const books *b, int32_t tenant)
{
	return b->payer_of.v[tenant]->key;
}

static void conditions_begin(turn *t, const books *b, turn_rows *r)
{
	const standing *s = &b->standing;
	sql_condition_begin_in *in = ARENA_NEW(t->a, sql_condition_begin_in);
	uint32_t n = s->began.n;

	if (!n)
		return;
	*in = (sql_condition_begin_in){rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n), rows_numbers(t, n)};
	for (uint32_t i = 0; i < n; i++) {
		const standing_fact *f = &s->began.v[i];
		in->tenant_keys.v[i] = key_of(b, f->tenant);
		in->types.v[i] = str_from(standing_name(f->type));
		in->models.v[i] = number_name(t, b, f->number);
		in->sinces.v[i] = f->since_us;
	}
	rows_call(r, SQL_CONDITION_BEGIN, in);
}

static void conditions_end(turn *t, const books *b, turn_rows *r)
{
	const standing *s = &b->standing;
	sql_condition_end_in *in = ARENA_NEW(t->a, sql_condition_end_in);
	uint32_t n = s->ended.n;

	if (!n)
		return;
	*in = (sql_condition_end_in){rows_numbers(t, n), rows_texts(t, n), rows_texts(t, n)};
	for (uint32_t i = 0; i < n; i++) {
		const standing_fact *f = &s->ended.v[i];
		in->tenant_keys.v[i] = key_of(b, f->tenant);
		in->types.v[i] = str_from(standing_name(f->type));
		in->models.v[i] = number_name(t, b, f->number);
	}
	rows_call(r, SQL_CONDITION_END, in);
}

/* Since it borrows of this model at all: before this turn, or with it. */
static int64_t since_of(const turn *t, const standing *s, int32_t borrower)
{
	int64_t since_us = standing_since(s, borrower, STANDING_BORROWING, s->model);

	return since_us ? since_us : t->now_us;
}

static void loan_fill(turn *t, const books *b, sql_loan_put_in *in, uint32_t i)
{
	const standing *s = &b->standing;
	const lending_row *l = &s->news.put.v[i];

	in->tenant_keys.v[i] = l->borrower_key;
	in->lender_keys.v[i] = l->lender_key;
	in->models.v[i] = number_name(t, b, s->model);
	in->via_depths.v[i] = l->via_depth;
	in->device_milli.v[i] = l->a.v[AXIS_DEVICE_MILLI];
	in->memory_mib.v[i] = l->a.v[AXIS_MEMORY_MIB];
	in->compute_milli.v[i] = l->a.v[AXIS_COMPUTE_MILLI];
	in->sinces.v[i] = since_of(t, s, l->borrower);
}

static void loans_put(turn *t, const books *b, turn_rows *r)
{
	sql_loan_put_in *in = ARENA_NEW(t->a, sql_loan_put_in);
	uint32_t n = b->standing.news.put.n;

	if (!n)
		return;
	*in = (sql_loan_put_in){rows_numbers(t, n), rows_numbers(t, n), rows_texts(t, n), rows_numbers(t, n),
		rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n), rows_numbers(t, n)};
	for (uint32_t i = 0; i < n; i++)
		loan_fill(t, b, in, i);
	rows_call(r, SQL_LOAN_PUT, in);
}

static void loans_end(turn *t, const books *b, turn_rows *r)
{
	const lending_rows *gone = &b->standing.news.gone;
	sql_loan_end_in *in = ARENA_NEW(t->a, sql_loan_end_in);

	if (!gone->n)
		return;
	*in = (sql_loan_end_in){rows_numbers(t, gone->n), rows_numbers(t, gone->n), rows_texts(t, gone->n)};
	for (uint32_t i = 0; i < gone->n; i++) {
		in->tenant_keys.v[i] = gone->v[i].borrower_key;
		in->lender_keys.v[i] = gone->v[i].lender_key;
		in->models.v[i] = number_name(t, b, b->standing.model);
	}
	rows_call(r, SQL_LOAN_END, in);
}

static void capacity_put(turn *t, const books *b, turn_rows *r)
{
	const standing *s = &b->standing;
	sql_capacity_put_in *in = ARENA_NEW(t->a, sql_capacity_put_in);
	i64s *axes[AXIS_COUNT] = {&in->device_milli, &in->memory_mib, &in->compute_milli};

	if (!s->news.has_capacity)
		return;
	in->models = rows_texts(t, 1);
	in->models.v[0] = number_name(t, b, s->model);
	for (int i = 0; i < AXIS_COUNT; i++) {
		*axes[i] = rows_numbers(t, 1);
		axes[i]->v[0] = s->news.capacity.v[i] == QUOTA_UNSET ? 0 : s->news.capacity.v[i];
	}
	rows_call(r, SQL_CAPACITY_PUT, in);
}

void rows_standing(turn *t, const books *b, turn_rows *r)
{
	sql_tenant_moved_in *moved = ARENA_NEW(t->a, sql_tenant_moved_in);

	if (t->moved.n) {
		moved->tenant_keys = rows_numbers(t, t->moved.n);
		for (uint32_t i = 0; i < t->moved.n; i++)
			moved->tenant_keys.v[i] = t->moved.v[i];
		rows_call(r, SQL_TENANT_MOVED, moved);
	}
	if (!t->has_standing)
		return;
	conditions_begin(t, b, r);
	conditions_end(t, b, r);
	loans_end(t, b, r);
	loans_put(t, b, r);
	capacity_put(t, b, r);
}
