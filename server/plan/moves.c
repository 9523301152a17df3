/* Tenants that a manifest moves: they are compared, with all below them, where they shall be. */
#include <stdlib.h>
#include "server/plan/plan_inside.h"

static int by_path(const void *a, const void *b)
{
	return str_cmp(((const sql_plan_tenants_row *)a)->path, ((const sql_plan_tenants_row *)b)->path);
}

static bool is_live(const plan_input *in, str path)
{
	sql_plan_tenants_row key = {.path = path};

	return in->tenants_n && bsearch(&key, in->tenants, in->tenants_n, sizeof(key), by_path);
}

/* The move that takes the path along; of several the nearest to it. NULL: none. */
static const plan_move *move_of(const planning *p, str path)
{
	const plan_move *best = NULL;

	for (uint32_t i = 0; i < p->n_moves; i++)
		if (path_is_below(path, p->moves[i].from) && (!best || p->moves[i].from.n > best->from.n))
			best = &p->moves[i];
	return best;
}

str moves_path(const planning *p, str path)
{
	const plan_move *m = move_of(p, path);

	return m ? str_print(p->a, STR_FMT STR_FMT, STR_ARG(m->to), STR_ARG(str_cut(path, m->from.n, path.n))) : path;
}

static void tenants_move(planning *p)
{
	uint32_t n = p->in->tenants_n;
	sql_plan_tenants_row *rows = ARENA_ARRAY(p->a, sql_plan_tenants_row, n + 1);

	for (uint32_t i = 0; i < n; i++) {
		rows[i] = p->in->tenants[i];
		rows[i].path = moves_path(p, rows[i].path);
	}
	qsort(rows, n, sizeof(*rows), by_path);
	p->tenants = rows;
}

/* One that stands where it shall be was moved before. */
void moves_find(planning *p, const plan_node *wanted, uint32_t n)
{
	p->tenants = p->in->tenants;
	p->moves = ARENA_ARRAY(p->a, plan_move, n + 1);
	for (uint32_t i = 0; i < n; i++) {
		str from = wanted[i].want ? wanted[i].want->from : STR_NONE;
		if (from.n && is_live(p->in, from) && !is_live(p->in, wanted[i].path))
			p->moves[p->n_moves++] = (plan_move){from, wanted[i].path};
	}
	if (p->n_moves)
		tenants_move(p);
}

/* Its place is one more field of it. */
void move_compare(planning *p, plan_object *o)
{
	plan_diff *all = ARENA_ARRAY(p->a, plan_diff, o->n_diffs + 1);
	fields places = {0};

	if (o->op == PLAN_DRIFT)
		return;
	fields_add_text(&places, p->a, S("path"), o->at->from);
	fields_add_text(&places, p->a, S("path"), o->at->path);
	all[0] = (plan_diff){
		.path = S("path"), .live = places.v[0].value, .desired = places.v[1].value, .final = places.v[1].value};
	for (uint32_t i = 0; i < o->n_diffs; i++)
		all[i + 1] = o->diffs[i];
	o->diffs = all;
	o->n_diffs++;
	o->op = PLAN_MOVE;
}

/* A tenant of that path is there, and another one where it shall be. */
static void twin_check(planning *p, plan_node *n)
{
	str from = n->want ? n->want->from : STR_NONE;

	if (!from.n || n->from.n || !n->live || !is_live(p->in, from))
		return;
	plan_object *o = &n->objects[0];
	if (o->op == PLAN_NOOP)
		o->op = PLAN_UPDATE;
	object_block(p, o, ERR_CONFLICT,
		str_print(p->a, "both " STR_FMT " and " STR_FMT " are there", STR_ARG(from), STR_ARG(n->path)),
		str_print(p->a, "one of them gone, or no from"));
}

/* What is made anew where something leaves with this very plan. */
static void place_check(planning *p, plan_node *n)
{
	plan_object *o = &n->objects[0];

	if (o->op != PLAN_CREATE || !move_of(p, n->path))
		return;
	object_block(p, o, ERR_CONFLICT, S("a tenant is moved from there by this manifest"),
		S("a second manifest, when that is done"));
}

static void depth_check(planning *p, plan_node *n)
{
	plan_node *top = n;

	if (n->depth <= TENANT_DEPTH_MAX)
		return;
	while (top && !top->from.n)
		top = top->up;
	if (top && !top->objects[0].blocked)
		object_block(p, &top->objects[0], ERR_TREE_TOO_DEEP,
			str_print(p->a, "tenants nest at most %d deep, this would be %u", TENANT_DEPTH_MAX, n->depth),
			STR_NONE);
}

void moves_check(planning *p)
{
	for (uint32_t i = 0; i < p->n; i++) {
		twin_check(p, &p->nodes[i]);
		place_check(p, &p->nodes[i]);
		depth_check(p, &p->nodes[i]);
	}
}
