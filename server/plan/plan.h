/* plan: what would change so that the live state becomes what a manifest says, and how that is written.
 *
 * Pure: rows in, a plan out; no I/O. Each object (a tenant, its quota) is compared field by field three ways: what the
 * manifest says, what is live, and what this manager's manifest said last. Where live still is what was said last, the
 * field is changed; where somebody else changed it, that is drift. An object has one manager.
 *
 * In two turns: plan_begin compares and says what more it wants to know (who changed the drifted objects, what runs on
 * the tenants concerned), plan_finish takes that and judges.
 */
#pragma once
#include "api/types/manifest.h"
#include "api/types/plan.h"
#include "api/rights.h"
#include "base/buf.h"
#include "db/ledger.h"
#include "db/sql.h"
#include "server/identity/grant.h"

enum { PLAN_HASH = 32, PLAN_LIVE_MAX = 10000, PLAN_SHOWN_MAX = 20 };

typedef struct planning planning;
typedef struct plan_kind plan_kind;

typedef enum plan_result { PLAN_NONE, PLAN_CHANGES, PLAN_DRIFTED, PLAN_BLOCKED } plan_result;
const char *plan_result_name(plan_result r);

/* Everything a plan is made from. Rows are ordered as their statements say. */
typedef struct plan_input {
	str manifest; /* the bytes, for the fingerprint */
	const manifest *want;
	strs seen;            /* paths of the tenants whose trees were read; "": the whole fleet */
	const grants *grants; /* of whoever brings it about */
	const sql_plan_tenants_row *tenants;
	const sql_plan_quotas_row *quotas;
	const sql_plan_managed_row *managed;
	const sql_plan_bindings_row *bindings;
	const sql_plan_budgets_row *budgets;
	const sql_plan_uses_row *uses;
	const sql_plan_models_row *models;
	const sql_plan_raises_row *raises;
	uint32_t tenants_n, quotas_n, managed_n, bindings_n, budgets_n, uses_n, models_n, raises_n;
} plan_input;

/* JSON with names and sizes as api/types/manifest.h says, and nothing that cannot be meant: pointers lead into it. */
err manifest_read(str json, arena *a, manifest *ret, fault *f) MUST_CHECK;
/* First names of the trees it speaks of. */
strs manifest_tops(const manifest *m, arena *a);

/* Fails when the manifest names a model that does not exist. `in` and a stay as long as the plan. */
err plan_begin(arena *a, const plan_input *in, planning **ret, fault *f) MUST_CHECK;
/* What is wanted to finish; empty: nothing. */
void plan_wants_history(const planning *p, sql_plan_history_in *ret);
void plan_wants_live(const planning *p, sql_plan_live_in *ret);
void plan_finish(planning *p, const sql_plan_history_row *history, uint32_t history_n, const sql_plan_live_row *live,
	uint32_t live_n);

plan_result plan_outcome(const planning *p);
const plan_summary *plan_counts(const planning *p);
const char *plan_fingerprint(const planning *p); /* hex */
/* Whether somebody else removed a tenant that the manifest lists: that is not adopted. */
bool plan_has_gone(const planning *p);
/* The changes as a JSON list of plan_change; as text; as Markdown. */
void plan_print_changes(const planning *p, buf *out);
void plan_print_text(const planning *p, str plan_id, str until, buf *out);
void plan_print_markdown(const planning *p, str plan_id, str until, buf *out);
/* The first objects that stand in its way, for the detail of a refusal. */
str plan_obstacles(const planning *p, arena *a);

/* Applying. How many new tenants need a key; the keys; then the operation's parts and effects, of which `scope` are
 * those of the caller with the new keys among them. */
uint32_t plan_new_tenants(const planning *p);
void plan_keys_take(planning *p, const int64_t *keys);
typedef struct plan_writing {
	str plan_id, actor, ask, reason;
	int64_t if_rev;
	db_scope scope;
	/* Of who applies it, for what they ask for (engine/raise.h). */
	str requester;
	strs marks;
} plan_writing;
/* How many raises it asks for, and their addresses as a JSON list. */
uint32_t plan_requests(const planning *p);
str plan_request_urls(const planning *p);
/* Fills what the operation runs and records; its statement, key and callbacks for the answer are the caller's. */
void plan_write(planning *p, const plan_writing *w, ledger_op *op);

/* The manifest whose plan is empty: the tenant at `top` ("": all in sight) and all below. */
void manifest_print(arena *a, const plan_input *in, str top, str manager, buf *out);
