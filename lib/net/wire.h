/* wire: bytes over a non-blocking socket, plain or TLS, behind one face.
 *
 * For conn.c alone. Nothing here waits: a call that cannot go on says what it waits for. A TLS peer that vanishes
 * without close_notify reads as the end, like a plain one: the framing above says whether a message was cut short.
 */
#pragma once
#include <sys/types.h>
#include "net/tls.h"

typedef struct wire {
	int fd;             /* owned; -1: closed */
	struct ssl_st *ssl; /* NULL: plain */
	int low;            /* bytes from which on the socket counts as readable; 0: 1 */
} wire;

/* Results below zero. WIRE_END: orderly or not, the peer sends no more. */
enum { WIRE_END = 0, WIRE_WANTS_READ = -1, WIRE_WANTS_WRITE = -2, WIRE_BROKEN = -3 };

/* Takes fd. */
void wire_open(wire *w, int fd, tls_context *tls);
void wire_close(wire *w); /* idempotent */

/* One step of the handshake: 1 when done, else a result as above. */
int wire_handshake(wire *w);
/* Bytes moved (more than 0), or a result as above; wire_write never says WIRE_END. */
ssize_t wire_read(wire *w, void *p, size_t n);
ssize_t wire_write(wire *w, const void *p, size_t n);
/* Whether bytes wait inside the TLS layer, where no poll of the socket sees them. */
bool wire_has_pending(const wire *w);
/* The socket need not count as readable before about that many bytes have come, or the end; 1: from the first on. No
 * peer is waited for longer by it than until n bytes can have come. */
void wire_await(wire *w, size_t n);
/* What is written meanwhile may wait, to leave in few large packets. */
void wire_gather(const wire *w, bool gathers);
/* Says that we send no more; the peer's bytes may still be read and thrown away with wire_discard (same results as
 * read). */
void wire_finish(wire *w);
ssize_t wire_discard(wire *w, void *scratch, size_t n);
/* Makes the close that follows a reset instead of a farewell, for peers that do not take what we send. */
void wire_abort(wire *w);
/* Who the other side is; after the handshake. */
void wire_peer(const wire *w, tls_peer *out);
