/* simulate: what the books say of a request that nobody has made, in words of the API (api/types/simulation.h). */
#pragma once
#include "api/types/simulation.h"
#include "base/buf.h"
#include "server/placer/books.h"

enum { SIMULATE_TRIES = 120 }; /* decisions that the search for changes may take */

/* The answer for `body`, a placement request of that tenant, as JSON into out; marks are the books'. The books change
 * and are not put back: for a copy of them. Errors: what request_read says. */
err simulate_placement(books *b, int32_t tenant_key, str body, int64_t now_us, const simulated_as_of *marks, buf *out,
	fault *f) MUST_CHECK;
