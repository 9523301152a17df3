/* touch: remembers when a token or a session was last used, without anybody waiting for it. */
#pragma once
#include "server/edge/edge.h"

/* How exactly it is remembered. */
#define TOKEN_USE_GRAIN_US   300000000LL
#define SESSION_USE_GRAIN_US 60000000LL

/* last_used_at_us: as it was read; nothing is written when that is recent. */
void touch(edge *e, const principal *p, int64_t last_used_at_us);
