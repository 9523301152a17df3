/* request: a stored placement request as an ask of the engine.
 *
 * Names become handles. A name that is not known now is left out of its list; where nothing is left, or where the
 * engine's limits are passed, no ask can be made and the reason is a blocker like any other.
 */
#pragma once
#include "api/types/placement.h"
#include "server/placer/books.h"

/* Reasons, and the name that is not known where they name no class of the fleet. */
typedef struct reasons {
	why why;
	str unknown;
	str reservation; /* that stands in the way, or that cannot be used */
} reasons;

typedef struct request_ask {
	ask ask;
	bool may_wait;
	js_list groups; /* of group_ask: their names */
} request_ask;

/* The request as its tenant's policy completes it. A body that is no request (the edge stores none such) is BAD_FIELD
 * or what the reader says. Everything lives in a. */
err request_read(const books *b, int32_t tenant_key, str body, arena *a, placement_request *ret, fault *f) MUST_CHECK;
/* False: r says why, and may_wait is set. Everything lives in a. */
bool request_to_ask(const books *b, const placement_request *q, arena *a, request_ask *ret, reasons *r);
