/* denial: what is said and kept about requests that were not let through.
 *
 * A 403 names the right and the node it is missing at, and leaves one record in the chain per caller, route and minute,
 * however many edges refused it. A 401 is counted and logged only: nobody knows who it was. What lies outside the
 * caller's sight is not found; what they see and may not touch is denied, which is looked into here before a "not
 * found" leaves.
 */
#pragma once
#include "server/edge/request.h"
#include "server/edge/tenants.h"

/* PERMISSION_DENIED, naming the route's right and the tenant's path (empty: the whole fleet). */
err denial_fault(request *r, const char *path);
/* OK when the caller holds the route's right at t, which a body names as `ref` (NULL: there is none such). Else
 * UNKNOWN_TENANT for what they do not see, or PERMISSION_DENIED, with its record. */
err denial_at(request *r, str ref, const tenant_ref *t);
/* Leaves the record. */
void denial_record(const request *r, err e);
/* Counts and logs a request that nobody is known for. */
void denial_count(const request *r, err e);

/* Whether nothing of the kind was recorded by this edge in this minute; now it was. */
bool denial_is_new(edge *e, str what);

/* Whether the caller sees tenants at which they lack the route's right, so that "not found" may mean "not allowed". */
bool denial_may_explain(const request *r);
/* Looks whether what was not found is in the caller's sight, and fails accordingly. */
step denial_explain(request *r, err e);
