/* drift: whether a cluster's agent and these books mean the same by what runs there.
 *
 * Per cluster the books keep a digest (engine/digest.h) of the attempts that its agent has taken over and not ended. It
 * follows each commit. Once a minute the agent tells its own; where they differ the agent is asked to tell those parts
 * whole, and what it does not name there is lost (report.h).
 */
#pragma once
#include "server/placer/turn.h"

/* Taken over by the agent, as far as it has told. */
bool drift_counts(const booking_state *s);
/* From how the placement was to how it is. */
void drift_follow(books *b, const touch *x);
/* All anew, after a load. */
void drift_rebuild(books *b);
/* What an agent sums up, as of this turn. */
void drift_told(turn *t, site *s, str text);
/* The agent tells more in the same turn: the books that are compared at its end know that, and the sum does not. */
void drift_overtaken(turn *t, const site *s);
/* The turn is committed and followed: compares what was told. What differs is asked for with the next turn. */
void drift_compare(turn *t, books *b);
bool drift_is_due(const books *b);
void drift_review(turn *t, books *b);
