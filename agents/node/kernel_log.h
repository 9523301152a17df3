/* kernel_log: the kernel's log (/dev/kmsg) from now on, a record at a time, on the loop. */
#pragma once
#include "base/str.h"
#include "net/loop.h"

typedef struct kernel_log kernel_log;

/* NULL: it cannot be opened. on_line for each record, "6,1234,5678,-;text"; on_end after those that were there. */
kernel_log *kernel_log_open(
	loop *l, const char *path, void (*on_line)(void *arg, str line), void (*on_end)(void *arg), void *arg);
void kernel_log_close(kernel_log *k); /* NULL-safe */
