#include "server/placer/moves.h"

#include "server/placer/claim.h"
#include "server/placer/reservation.h"
#include "server/placer/spend.h"
#include "server/placer/use.h"

static void uses_move(turn *t, books *b, const payer *p, int32_t from, int32_t to, int32_t number)
{
	amounts use = quota_used(b->tree, p->handle, number);

	if (amounts_eq(use, (amounts){0}))
		return;
	turn_move(t, b, from, to, number, use);
	standing_moved(&b->standing, number);
}

/* False: not now. The old parent's use is summed before the tree changes, the new one's place does not depend on it. */
static bool payer_move(turn *t, books *b, payer *p)
{
	const payer *to = books_payer(b, p->wanted_parent_key);
	int32_t from = quota_parent(b->tree, p->handle), models = quota_models(b->tree);

	if (!to || quota_move(b->tree, p->handle, to->handle))
		return false;
	for (int32_t m = 0; m < models; m++)
		uses_move(t, b, p, from, to->handle, m);
	vec_each (mode, &b->modes)
		uses_move(t, b, p, from, to->handle, *mode);
	use_move(b, p, p->parent_key, -1);
	p->parent_key = to->key;
	use_move(b, p, p->parent_key, 1);
	vec_push(&t->moved, p->key);
	return true;
}

void moves_review(turn *t, books *b)
{
	bool has_moved = b->wants_moving;

	if (!b->wants_moving && !b->moves_over.n)
		return;
	vec_each (key, &b->moves_over)
		vec_push(&t->moved, *key);
	/* Totals are of placements alone. */
	claims_charge(b, false);
	reservations_charge(b, false);
	while (has_moved) {
		has_moved = false;
		vec_each (p, &b->payer_of)
			if (*p && (*p)->wanted_parent_key != (*p)->parent_key)
				has_moved |= payer_move(t, b, *p);
	}
	b->wants_moving = false;
	reservations_charge(b, true);
	claims_charge(b, true);
	use_weigh(b);
	if (!t->moved.n)
		return;
	t->cannot_undo = true;
	standing_moved_all(&b->standing, quota_models(b->tree));
	spend_recount(b);
	b->wants_budgets = true;
	change_all(&b->changes);
}
