/* budget: what may be spent in a period of the calendar, what is spent of it, and what running work will still take.
 *
 * Everything is a sum of rate x microseconds, in 128 bits: for GPU hours the rate is device_milli; any other unit is
 * another rate. Periods are those of the calendar in UTC; weeks begin on Monday. Pure: time comes as an argument and
 * never goes back.
 *
 *   spent      work that has ended in this period, and work that runs, up to now
 *   committed  what work that runs, or is about to, takes from now to its stated end, or to the end of the period: the
 *              earlier. Work that states no end counts to the end of the period. Work past its end commits nothing.
 *
 * In each period only the part counts that lies in it.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"
#include "base/vec.h"

__extension__ typedef __int128 budget_sum;

typedef enum budget_period { BUDGET_DAY, BUDGET_WEEK, BUDGET_MONTH, BUDGET_QUARTER, BUDGET_PERIODS } budget_period;

#define BUDGET_NO_END     INT64_MAX
#define BUDGET_GPU_HOUR   ((budget_sum)1000 * 3600 * 1000000) /* device_milli x microseconds */
#define BUDGET_AMOUNT_MAX 1000000000000LL

/* "day", "week", "month", "quarter". */
const char *budget_period_name(budget_period p);
bool budget_period_find(str name, budget_period *ret_period);
/* The period that the moment lies in: from begin on, before end. Years 1970 to 9999. */
void budget_bounds(budget_period p, int64_t at_us, int64_t *ret_begin_us, int64_t *ret_end_us);

/* Work that runs: its stated end, as far as it has not passed. */
typedef struct budget_end {
	int64_t end_us, rate;
} budget_end;

/* Work that is granted and does not run yet. */
typedef struct budget_hold {
	int64_t runtime_us, rate;
} budget_hold;

typedef struct budget {
	budget_period period;
	int64_t begin_us, end_us, now_us;
	budget_sum ended;                      /* spent by work that has ended */
	budget_sum running_rate, running_from; /* sums of rate, and of rate x (start, or begin if that is later) */
	vec(budget_end) ends;                  /* by rising end */
	uint32_t passed;                       /* ends below this index lie in the past */
	budget_sum ahead_rate, ahead_until;    /* of the others: sums of rate, and of rate x (end, or the period's) */
	vec(budget_hold) holds;
} budget;

void budget_init(budget *b, budget_period p, int64_t now_us);
void budget_done(budget *b);
/* Time goes on, perhaps into a later period: true then, and nothing that has ended counts any more. */
bool budget_advance(budget *b, int64_t now_us);

/* runtime_us: BUDGET_NO_END when none is stated. Undone with the same arguments. */
void budget_hold_add(budget *b, int64_t rate, int64_t runtime_us);
void budget_hold_undo(budget *b, int64_t rate, int64_t runtime_us);
/* It runs from start_us (which may be past) to end_us at the latest. Undone with the same arguments. */
void budget_run_add(budget *b, int64_t rate, int64_t start_us, int64_t end_us);
void budget_run_undo(budget *b, int64_t rate, int64_t start_us, int64_t end_us);
/* What work took that ran from start_us to at_us, and does not any more; sign -1 takes it back. */
void budget_ended_add(budget *b, int64_t rate, int64_t start_us, int64_t at_us, int sign);

budget_sum budget_spent(const budget *b);
budget_sum budget_committed(const budget *b);
/* What such work would take of this period if it began now. */
budget_sum budget_cost(const budget *b, int64_t rate, int64_t runtime_us);
