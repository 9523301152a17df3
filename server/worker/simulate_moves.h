/* simulate_moves: what could be moved within a cluster so that more of it is idle, in words of the API
 * (api/types/simulation.h).
 *
 * A plan and no more: nothing is moved by it. Only placements of one pod that were asked for here and may be evicted
 * are in it, and each goes where all it asked for is met, on devices of the class it has, for the charge it has.
 */
#pragma once
#include "api/types/simulation.h"
#include "base/buf.h"
#include "server/placer/books.h"

/* The plan as JSON into out; body is a move_terms, marks are the books'. The books change and are not put back: for a
 * copy of them. ERR_NOT_FOUND: they know no such cluster. */
err simulate_moves(books *b, str cluster, str body, const simulated_as_of *marks, buf *out, fault *f) MUST_CHECK;
