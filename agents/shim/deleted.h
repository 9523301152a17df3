/* deleted: a file whose name was removed while processes use it, opened again by way of one of them. */
#pragma once

/* A descriptor, or -1 when no process that can be looked into has it open. */
int deleted_open(const char *path, int flags);
