/* hint: what the placer finds out about those that wait, for whoever asks why: the place in the queue, the quota of
 * each level, the changes that would let it through. Worked out in turn, HINTS_PER_S a second and no more, those first
 * that have none; a row of `advice` each, which goes when the wait is over.
 */
#pragma once
#include "engine/advice.h"
#include "server/placer/request.h"
#include "server/placer/turn.h"

enum { HINTS_PER_S = 2, HINT_TRIES = 40, HINT_OWN_MAX = 10 };

/* The next in turn. */
void hints_make(turn *t, books *b);
/* It does not wait any more. */
void hint_drop(turn *t, booking *k);
/* Advice for a request as a list of explained_change (api/types/explanation.h), in a. */
str hint_changes(const books *b, const request_ask *of, const advices *said, arena *a);
