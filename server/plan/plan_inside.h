/* plan_inside: what the files of server/plan share: the tree in which manifest and live state meet, and what was found
 * out about each object in it.
 */
#pragma once
#include "api/types/manifest.h"
#include "api/types/plan.h"
#include "db/sql.h"
#include "json/write.h"
#include "server/edge/quota_sheet.h"
#include "server/plan/field.h"
#include "server/plan/plan.h"

enum { TENANT_DEPTH_MAX = 8 };

/* The objects that each node has; behind them stand its items. */
enum { OBJECT_TENANT, OBJECT_QUOTA, OBJECTS_FIXED };

typedef struct plan_node plan_node;

typedef enum plan_op {
	PLAN_NOOP,
	PLAN_CREATE,
	PLAN_UPDATE,
	PLAN_DELETE,
	PLAN_MOVE,
	PLAN_DRIFT,
	PLAN_REQUEST,
	PLAN_OPS
} plan_op;

/* One field that differs, or on which a decision was taken. */
typedef struct plan_diff {
	str path;
	str live, desired, base, final;
	bool is_drift;
	plan_author by;
} plan_diff;

typedef struct plan_object {
	const plan_kind *kind;
	plan_node *at;
	str item, id; /* of an item: what it is called here, and as what it is, or will be, stored */
	const sql_plan_bindings_row *binding; /* of an item: what it is; NULL: not there */
	const sql_plan_budgets_row *budget;
	const manifest_budget *wanted;    /* of a budget that is listed */
	str subject, role;                /* of a binding */
	const sql_plan_managed_row *kept; /* by whom; NULL: nobody */
	bool is_mine, is_listed;
	const sql_plan_managed_row *gone; /* kept by this manager, and somebody else removed it */
	fields live, want, base, adopted;
	strs members; /* that count here: those listed, and with prune those that were */
	plan_op op;
	plan_diff *diffs;
	uint32_t n_diffs;
	bool has_drift;
	err blocked; /* OK: not */
	str detail;
	strs requires;
	plan_impact impact;
	int64_t effect; /* of its record, from 0; -1: none */
} plan_object;

/* What some manager keeps of a node's items. */
typedef struct kept_item {
	const sql_plan_managed_row *row;
	struct kept_item *next;
} kept_item;

struct plan_node {
	str path, name;
	plan_node *up; /* NULL: topmost */
	plan_node *kid, *beside;
	const manifest_tenant *want;
	const sql_plan_tenants_row *live;
	const sql_plan_quotas_row *quotas; /* of live */
	const sql_plan_uses_row *uses;
	const sql_plan_bindings_row *bindings;
	const sql_plan_budgets_row *budgets;
	const sql_plan_raises_row *raises; /* without an end, by model: those that count and those that are asked for */
	uint32_t n_quotas, n_uses, n_bindings, n_budgets, n_raises, depth;
	kept_item *kept_items;
	str from;      /* where it stands now, where it is moved */
	bool is_above; /* on the way down to the caller's tenant, out of their sight */
	bool goes;
	int32_t key, parent_key; /* of a new one: drawn before it is written */
	str id, quota_id;        /* of a new one: made here */
	sheet_row *rows;         /* the quota as it will be */
	uint32_t n_rows;
	plan_object *objects;
	uint32_t n_objects, cap_objects;
	bool wants_live;
};

/* A raise of limits that is asked for in the place of a change. */
typedef struct plan_request {
	plan_object *of;
	str id, model;
	int64_t limit[SHEET_AXES];
	int64_t effect; /* of its record, from 0 */
} plan_request;

/* A tenant that the manifest moves: where it is, and where it shall be. */
typedef struct plan_move {
	str from, to;
} plan_move;

struct planning {
	arena *a;
	const sql_plan_tenants_row *tenants; /* by path, moved ones where they shall be */
	plan_move *moves;
	uint32_t n_moves;
	const plan_input *in;
	const manifest *want;
	plan_node *nodes;      /* by path: a parent before its children */
	uint32_t n, n_objects; /* nodes; objects of all of them */
	plan_object **changes; /* those with an op, in order */
	uint32_t n_changes;
	plan_request *requests;
	uint32_t n_requests;
	plan_summary summary;
	plan_result result;
	char fingerprint[2 * PLAN_HASH + 1];
};

/* How a kind of object is read, compared and written. */
struct plan_kind {
	const char *name;
	right right;
	bool from_above; /* the right must be held at the tenant above */
	str (*id)(const plan_object *o);
	int64_t (*rev)(const plan_object *o);
	/* What it is, and what the manifest says; *ret_members: those it names. */
	void (*live)(planning *p, const plan_object *o, fields *ret);
	bool (*want)(planning *p, const plan_object *o, fields *ret, strs *ret_members);
	/* The object of an audit record as fields. */
	void (*past)(planning *p, str object, fields *ret);
	/* The value of a field that is reset; STR_NONE: it goes. */
	str (*initial)(str path);
};
extern const plan_kind plan_kinds[]; /* tenant, quota */
extern const plan_kind plan_binding_kind, plan_budget_kind;

/* What there is of it now. */
bool object_is_there(const plan_object *o);
/* items.c: a node's bindings and budgets, listed or kept by this manager, behind its fixed objects; and what becomes of
 * them. */
void items_collect(planning *p, plan_node *n);
void item_compare(planning *p, plan_object *o);
/* items_write.c: the statements' parameters, and an item as its record tells of it. */
void *binding_drop_in(planning *p, const plan_writing *w);
void *binding_put_in(planning *p, const plan_writing *w);
void *budget_drop_in(planning *p, const plan_writing *w);
void *budget_put_in(planning *p, const plan_writing *w);
void item_show(const planning *p, js_writer *w, const plan_object *o, int64_t revision);
/* Behind the apply's own record, the number of the object's; -1: none. */
int64_t object_offset(const plan_object *o);
bool object_is_item(const plan_object *o);

bool planning_adopts_drift(const planning *p);
bool planning_overwrites_drift(const planning *p);
/* "acme/research" is at and below "acme"; everything is below "". */
bool path_is_below(str path, str top);
str path_above(str path); /* "acme" of "acme/research"; "" of "acme" */
plan_node *planning_find(const planning *p, str path);
void object_block(planning *p, plan_object *o, err why, str detail, str require);

/* moves.c: the manifest's moves, and the live tenants where these put them. */
void moves_find(planning *p, const plan_node *wanted, uint32_t n);
/* Where something that is at the path now will be. */
str moves_path(const planning *p, str path);
void move_compare(planning *p, plan_object *o);
void moves_check(planning *p);

/* compare.c: the three ways of one object. */
void object_compare(planning *p, plan_object *o);
/* Something is written for it. */
bool object_changes(const plan_object *o);
/* check.c: rights, other managers, the law of the tree, work that is in the way. */
void planning_check(planning *p);
/* "models.h100-80g.limit.device_milli", "classes.h100-80g.mig-3g.40gb.limit.device_milli". */
str sheet_path(arena *a, str model, int kind, int axis);
/* What sheet_path wrote. */
bool sheet_path_read(str path, str *ret_model, int *ret_kind, int *ret_axis);
/* A stored row as a row of a sheet. */
void sheet_row_of(const sql_plan_quotas_row *q, sheet_row *ret);
/* The quota of a node after the plan, into rows. */
void node_rows(planning *p, plan_node *n);
/* The value a field will have; STR_NONE: none. */
str object_final(const plan_object *o, str path);

/* requests.c: whether the change of a quota is nothing but limits that rise, and the caller may ask for that and no
 * more; `above` is where it takes a right. Whether live is what is desired by a raise that stands, or is asked for. */
bool object_is_asked_for(const planning *p, const plan_object *o, str above);
bool diff_is_raised(const plan_object *o, const plan_diff *d);
void requests_make(planning *p);
void *request_add_in(planning *p, const plan_writing *w);
void request_show(js_writer *w, const plan_request *q, str reason, int64_t revision);
