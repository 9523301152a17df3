/* trial: work on a copy of this process's memory, of which only what it writes comes back.
 *
 * The copy is a fork that shares pages until they change: it may take the books apart with the placer's own code, for
 * as long as it needs, while the loop goes on. It ends with its work, at its deadline, or with its parent.
 */
#pragma once
#include "base/buf.h"
#include "net/loop.h"

enum { TRIAL_BYTES_MAX = 8 << 20 };

typedef struct trial trial;

/* In the copy. It must not touch the loop, connections or files. */
typedef void (*trial_work)(void *arg, buf *out);
/* In the process, once, from the loop. e: OK; DECISION_TIMEOUT; INTERNAL when it broke or wrote too much. */
typedef void (*trial_done)(void *arg, err e, str text);

/* Freed by itself behind done. NULL: no copy could be made, done is not called. */
trial *trial_begin(loop *l, int64_t deadline_us, trial_work work, trial_done done, void *arg);
/* Ends it without done. NULL-safe. */
void trial_end(trial *t);
