/* limit: how much callers may ask of an edge, and how often an address may be wrong about who it is (rate.h has the
 * buckets). What is left in a bucket goes into the answer's head.
 *
 * Who knows a token passes, however often others behind the same address were wrong: a wrong one is charged for when it
 * has been looked up and found to be none, and what is past the limit is answered alike, whether or not it was near.
 */
#pragma once
#include "server/edge/request.h"

/* Takes the route's cost from the caller's bucket and its tenant's; of who has no token, where one signs in, from the
 * address's. Nobody is charged twice for looking again. RATE_LIMITED. */
err limit_caller(request *r) MUST_CHECK;
/* A credential that never was one: TOKEN_INVALID, or RATE_LIMITED when the address has presented too many. */
err limit_guess(request *r) MUST_CHECK;
