/* touch: remembers when a token was last used, without anybody waiting for it. */
#pragma once
#include "server/edge/edge.h"

/* How exactly it is remembered. */
#define TOKEN_USE_GRAIN_US 300000000LL

void touch_token(edge *e, const principal *p);
