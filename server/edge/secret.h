/* secret: answers that show something once. It is added behind the ledger, so that no answer at rest holds it. */
#pragma once
#include "server/edge/request.h"

/* Like govern_reply, with one more member; a replay goes without it. */
step secret_reply(request *r, const char *name, str secret);
