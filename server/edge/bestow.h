/* bestow: giving a role at a node, by a binding or in a token: nobody gives more than they hold there. */
#pragma once
#include "server/edge/request.h"

/* Finds the tenant (absent: the whole fleet) and goes on at `next`, where bestow_check comes first. */
step bestow_ask(request *r, str tenant, step_id next);
/* Whether the caller may give the role there. ret_key, ret_path: the node. Errors: BAD_FIELD, UNKNOWN_TENANT,
 * PERMISSION_DENIED and ESCALATION_DENIED (both recorded), or why it could not be asked. */
err bestow_check(request *r, str role, str tenant, int32_t *ret_key, str *ret_path);
/* Whether the caller holds it there for as long as it is given: what they give must end when theirs does. until_us:
 * GRANT_FOREVER without an end. ESCALATION_DENIED, recorded. */
err bestow_until_check(request *r, str role, str path, int64_t until_us);
