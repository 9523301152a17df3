/* standing: what holds of tenants at present, and since when: who is above a limit or borrows, and from whom.
 *
 * The tree knows what holds; here stands what was told of it. Whatever moves a model's totals, quotas or capacity marks
 * the model; now and then a turn looks at one that is marked, and writes down what began, what ended, and what loans of
 * the model are others (standing_review): no more at once than a batch bears, the rest in the next looks. The memory of
 * it follows the commit, as all does: standing_keep, or standing_undo.
 */
#pragma once
#include "base/map.h"
#include "base/vec.h"
#include "server/placer/lending.h"

typedef enum standing_type {
	STANDING_OVER_LIMIT,
	STANDING_OVER_CREDITS,
	STANDING_OVER_GUARANTEED,
	STANDING_BORROWING,
	STANDING_INFEASIBLE,
	STANDING_TYPES
} standing_type;

/* A look goes over all tenants: it rests so many times as long as it took, so that it is cheap beside placing however
 * large the tree is. What a row told costs the commit is counted in. */
enum {
	STANDING_EVERY_US = 100 * 1000,
	STANDING_REST_TIMES = 100,
	STANDING_REST_MAX_US = 30 * 1000 * 1000,
	STANDING_ROW_US = 20,
	STANDING_FACTS_MAX = 256, /* that begin or end in one look */
};

/* One condition of a tenant; number: of the model or share mode, -1: of all. Handles are the tree's. */
typedef struct standing_fact {
	int32_t tenant, number;
	standing_type type;
	int64_t since_us;
} standing_fact;

typedef struct standing {
	map facts; /* standing_fact, by tenant, type and number */
	vec(bool) marked;
	int32_t n_marked, next;
	int64_t looked_us;
	int64_t spent_us, rest_us; /* on the marked models since the last rest; how long it rests now */
	vec(lending) lendings;     /* by model */
	/* Of the turn at hand. */
	int32_t model; /* that it looks at; -1: at none */
	lending_news news;
	bool is_cut;                 /* there is more to tell than one look may */
	int32_t resume, resume_next; /* the tenant that the next look begins with */
	vec(bool) borrowers;
	vec(standing_fact) began, ended;
} standing;

void standing_init(standing *s);
void standing_done(standing *s);
void standing_moved(standing *s, int32_t number);     /* of a model or share mode */
void standing_moved_all(standing *s, int32_t models); /* those below the number, and all that ever were */
bool standing_is_due(const standing *s, int64_t now_us);

const char *standing_name(standing_type t);
/* Since when; 0: it does not hold. */
int64_t standing_since(const standing *s, int32_t tenant, standing_type t, int32_t number);
/* One that was stored. False: its type is not known. */
bool standing_load(standing *s, int32_t tenant, str type, int32_t number, int64_t since_us);
lending *standing_lending(standing *s, int32_t model); /* until the next call */

/* Looks at one marked model, if it is time: what began, what ended and the loans stand in the fields. False: there is
 * nothing to be written. */
bool standing_review(standing *s, const quota *q, lending_keys keys, int64_t now_us);
/* How long that look took, told right after it. */
void standing_spent(standing *s, int64_t us);
void standing_keep(standing *s);
void standing_undo(standing *s);
