/* use: what tenants have used, the older the less, and what follows from it for the queue.
 *
 * A tenant's use is the decayed integral of the credits it had running (engine/history.h), with its subtree; what holds
 * devices now counts as if it had run for USE_AHEAD_S already, so that a burst of grants tells at once. The order of
 * tenants is that of engine/fair.h over the tree's weights, a tenant's own work standing beside its children.
 */
#pragma once
#include "engine/fair.h"
#include "server/placer/books.h"

enum { USE_AHEAD_S = 3600, USE_OWN_WEIGHT = 1000 };

/* From at_us on the tenant runs more: `rate` millionths of a credit; less when below 0. */
void use_add(books *b, int32_t tenant_key, int64_t rate, int64_t at_us);
/* The same for many at once (history_add_bucket). */
void use_add_bucket(books *b, int32_t tenant_key, int64_t bucket, history_sum rate, history_sum rate_us);
/* What it holds has changed. */
void use_touch(books *b, int32_t tenant_key);
/* Parents and weights of tenants have changed. */
void use_weigh(books *b);
/* A tenant leaves its parent's subtree, or comes to it (sign 1). */
void use_move(books *b, const payer *p, int32_t parent_key, int sign);

fair_path use_path(books *b, const payer *p, int64_t now_us);

/* The tenant's guarantee, or that of one above it, still covers so much more of the model. */
bool use_is_guaranteed(const books *b, const payer *p, int32_t model, int64_t milli);

/* Whether x goes before y; both have somebody in them. */
bool use_is_before(books *b, const queue_line *x, const queue_line *y, int64_t now_us);
/* The place of a waiting one among those of its tier that want the same model, from 1; 0: not told now. */
int64_t use_position(books *b, const booking *k, int64_t now_us);
