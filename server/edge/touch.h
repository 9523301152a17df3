/* touch: remembers when a token was last used, without anybody waiting for it. */
#pragma once
#include "server/edge/edge.h"

void touch_token(edge *e, const principal *p);
