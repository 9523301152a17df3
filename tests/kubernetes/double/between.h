/* between: stands between an agent and its server, and hurts one of them at a chosen moment of their talk.
 *
 * What they say is theirs (TLS): records of it are passed on one by one, and counted from both sides in the order they
 * come. At the Nth from here on a process is killed, before the record is passed on or right after; or, without a
 * process, the connection is cut there.
 */
#pragma once
#include <sys/types.h>
#include "net/loop.h"

typedef struct between between;

/* Listens on a free port of loopback, which is written into the file; connections go on to host:port. */
err between_open(loop *l, const char *address_file, const char *target, between **ret, fault *f) MUST_CHECK;
void between_close(between *b); /* NULL-safe */
/* n 0: never; pid 0: the connection is cut. */
void between_hurt(between *b, pid_t pid, int64_t n, bool is_after);
/* How many records there were. */
int64_t between_count(const between *b);
