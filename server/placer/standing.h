/* standing: what holds of tenants at present, and since when: who is above a limit or borrows, and from whom.
 *
 * The tree knows what holds; here stands what was told of it. Whatever moves a model's totals, quotas or capacity marks
 * the model; now and then a turn looks at one that is marked, and writes down what began, what ended, and the loans of
 * the model if they are others (standing_review). The memory of it follows the commit, as all does: standing_keep, or
 * standing_undo.
 */
#pragma once
#include "base/map.h"
#include "base/vec.h"
#include "engine/quota_loans.h"

typedef enum standing_type {
	STANDING_OVER_LIMIT,
	STANDING_OVER_CREDITS,
	STANDING_OVER_GUARANTEED,
	STANDING_BORROWING,
	STANDING_INFEASIBLE,
	STANDING_TYPES
} standing_type;

/* A look goes over all tenants and tells all loans anew: it rests so many times as long as it took, so that it is cheap
 * beside placing however large the tree is. What a row told costs the commit is counted in. */
enum {
	STANDING_EVERY_US = 100 * 1000,
	STANDING_REST_TIMES = 100,
	STANDING_REST_MAX_US = 30 * 1000 * 1000,
	STANDING_ROW_US = 20,
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
	vec(uint64_t) told;        /* by model: loans and capacity as they were written last, as a hash */
	/* Of the turn at hand. */
	int32_t model; /* that it looks at; -1: at none */
	uint64_t hash;
	bool has_news; /* loans or capacity are others than were told */
	amounts capacity;
	vec(bool) borrowers;
	vec(standing_fact) began, ended;
	quota_loans loans;
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

/* Looks at one marked model, if it is time: what began, what ended and the loans stand in the fields. False: there is
 * nothing to be written. */
bool standing_review(standing *s, const quota *q, int64_t now_us);
/* How long that look took, told right after it. */
void standing_spent(standing *s, int64_t us);
void standing_keep(standing *s);
void standing_undo(standing *s);
