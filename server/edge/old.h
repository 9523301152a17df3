/* old: what a caller of a deprecated operation is told, and that it was counted (api/deprecation.h). */
#pragma once
#include "server/edge/request.h"

/* Names the metric's labels; once per process. */
void old_begin(void);
/* The answer's header lines, and one more in the metric; nothing for an operation that stays. */
void old_tell(const request *r, buf *head);
