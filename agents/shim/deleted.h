/* deleted: a file whose name was removed while processes use it, opened again by way of one of them.
 *
 * Those who use it keep it open at numbers that nobody else takes, so that only these need be looked at.
 */
#pragma once
#include "shim/look.h"

#define DELETED_FIRST 777 /* the lowest descriptor at which it is kept; the next ones when that is taken */
#define DELETED_COUNT 3

/* A descriptor, or -1 when no process that can be looked into has it open. */
int deleted_open(const char *path, int flags);

/* Whether some process that can be looked into keeps that file open there, whatever its name is. */
bool deleted_is_held(const look *file);
