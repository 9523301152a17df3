/* quota: what each tenant may use, lend and borrow, and what it uses.
 *
 * A tree of tenants under one root, the fleet. Per tenant and model (the fleet's class handle) four vectors:
 *   guaranteed   inclusive of the subtree; own(x) = guaranteed(x) - sum of the children's guaranteed
 *   limit        most that the subtree may use
 *   lend_limit   most of what is unused that others may see
 *   borrow_limit most that the subtree may use beyond its guarantee
 *   class_limit  a second limit: of a class by name, or of one share mode (see below)
 * Balance: T(x) = own(x) - own use(x) + sum over children of min(lend_limit, T(child)). A state is legal iff T(x) >=
 * -borrow_limit(x) everywhere, T(root) >= 0 and subtree use <= limit. (architecture.md section 5)
 *
 * Unset: guaranteed 0, limit none, lend_limit all, borrow_limit none; an axis that is unset is not checked there.
 * A quota cut below use is legal: nothing ends, and nothing new may start that would make the balance of a node in the
 * red worse. Where the root promises more than it has (own(root) < 0), nobody borrows anew: the bound then stands at
 * every tenant that names a guarantee and at the root's children without one. Exact int64 throughout: a set value is
 * cut to QUOTA_AMOUNT_MAX, so that no sum can overflow.
 *
 * A share mode of a model (an instance of one profile) has a number of its own beside the models' (engine/charge.h): it
 * is charged like a model and knows no terms but class_limit.
 *
 * Credits make unlike models compare: credits = device_milli x rate(model), summed over all models; a tenant may cap
 * those of its subtree. They are exact in 128 bits and told saturated.
 */
#pragma once
#include "base/err.h"
#include "engine/share.h"
#include "engine/why.h"

enum { QUOTA_ROOT = 0, QUOTA_DEPTH_MAX = 8, QUOTA_TENANTS_MAX = 1 << 20 };
#define QUOTA_UNSET      INT64_MIN
#define QUOTA_AMOUNT_MAX ((int64_t)1 << 40)
#define QUOTA_USE_MAX    ((int64_t)1 << 60) /* of the whole tree, per model and axis */
#define QUOTA_RATE_MAX   1000000

typedef struct quota quota;

typedef struct quota_terms {
	amounts guaranteed, limit, lend_limit, borrow_limit, class_limit; /* each axis >= 0 or QUOTA_UNSET */
} quota_terms;

quota *quota_new(void); /* with the root, depth 0 */
void quota_free(quota *q);

/* A new tenant under parent. ERR_TREE_TOO_DEEP past QUOTA_DEPTH_MAX levels below the root, ERR_TOO_MANY_ITEMS past
 * QUOTA_TENANTS_MAX. Handles are used again after removal. */
err quota_add(quota *q, int32_t parent, int32_t *ret_tenant) MUST_CHECK;
/* Moves a tenant with its subtree, terms and use. ERR_CONFLICT when `parent` lies inside it, ERR_TREE_TOO_DEEP. A
 * tenant that ends up in the red is as after a cut. */
err quota_move(quota *q, int32_t tenant, int32_t parent) MUST_CHECK;
/* ERR_CONFLICT while it has children or use. */
err quota_remove(quota *q, int32_t tenant) MUST_CHECK;
int32_t quota_parent(const quota *q, int32_t tenant); /* FLEET_NONE for the root */
int32_t quota_depth(const quota *q, int32_t tenant);
bool quota_is_live(const quota *q, int32_t tenant);

quota_terms quota_terms_unset(void);
void quota_set(quota *q, int32_t tenant, int32_t model, const quota_terms *terms);
quota_terms quota_get(const quota *q, int32_t tenant, int32_t model);
/* The root's guarantee: the healthy capacity, or what is pinned. */
void quota_set_root(quota *q, int32_t model, amounts guaranteed);

/* Credits per device_milli of the model, 0 (as it is before it is set) to QUOTA_RATE_MAX. Rates what is in use anew:
 * O(tenants). */
void quota_set_rate(quota *q, int32_t model, int64_t rate);
int64_t quota_rate(const quota *q, int32_t model);
/* Most credits that the subtree may use, >= 0 or QUOTA_UNSET. */
void quota_set_credits_limit(quota *q, int32_t tenant, int64_t limit);
int64_t quota_credits_limit(const quota *q, int32_t tenant);
int64_t quota_credits(const quota *q, int32_t tenant); /* in use, with the subtree; at most INT64_MAX */

/* The share of what is left over, against its siblings: 0 to 1,000,000, QUOTA_WEIGHT at first. */
enum { QUOTA_WEIGHT = 1000 };
void quota_set_weight(quota *q, int32_t tenant, int64_t weight);
int64_t quota_weight(const quota *q, int32_t tenant);

/* Whether `tenant` may be promised `guaranteed`: its children's promises fit into it, and it fits into its parent's
 * beside its siblings', on every axis that the parent names. The root's promises are not looked at unless it says so:
 * what the fleet has falls by itself, and then the condition says so. ERR_QUOTA_EXCEEDS_PARENT with the axis in the
 * way: what would be promised (need) by whom out of what (have). */
typedef struct quota_excess {
	int32_t tenant; /* whose guarantee is too small: itself or its parent */
	axis axis;
	int64_t need, have;
} quota_excess;
err quota_may_promise(const quota *q, int32_t tenant, int32_t model, amounts guaranteed, bool in_root,
	quota_excess *ret_excess) MUST_CHECK;

/* Whether `tenant` may use `a` more of `model`. False writes the tightest blocker (QUOTA_LIMIT, CLASS_LIMIT,
 * CREDITS_LIMIT or QUOTA_GUARANTEE with tenant, class_id, axis, need and free; of equals the nearest to the tenant;
 * what credits leave is told in device_milli of the model). O(depth). */
bool quota_check(const quota *q, int32_t tenant, int32_t model, amounts a, blocker *ret_blocker);
/* Most that quota_check lets through, axis by axis; QUOTA_USE_MAX where nothing limits it. */
amounts quota_left(const quota *q, int32_t tenant, int32_t model);

/* Records use without a check: what is decided or reported. Give asserts that it was taken. */
void quota_take(quota *q, int32_t tenant, int32_t model, amounts a);
void quota_give(quota *q, int32_t tenant, int32_t model, amounts a);

amounts quota_used(const quota *q, int32_t tenant, int32_t model);     /* with the subtree */
amounts quota_used_own(const quota *q, int32_t tenant, int32_t model); /* without it */
amounts quota_balance(const quota *q, int32_t tenant, int32_t model);  /* T; below 0: borrowed */
/* The conditions of a tenant and a model: more in use than limit or class_limit, or than is guaranteed, on an axis that
 * they name. */
bool quota_is_over_limit(const quota *q, int32_t tenant, int32_t model);
bool quota_is_over_guaranteed(const quota *q, int32_t tenant, int32_t model);
/* The balance is below 0 on an axis with a guarantee; of who names none, on any. */
bool quota_is_borrowing(const quota *q, int32_t tenant, int32_t model);
bool quota_is_over_credits(const quota *q, int32_t tenant);
/* Whether the root promises more of the model than it has: the condition `guarantee_infeasible`. */
bool quota_is_infeasible(const quota *q, int32_t model);
/* Models (not their share modes) run below this number. */
int32_t quota_models(const quota *q);
int32_t quota_tenants(const quota *q); /* handles run below this number */
