/* listen: addresses and listening sockets.
 *
 * Addresses are "host:port" or "[v6]:port"; port 0 picks a free one. Sockets are made with SO_REUSEPORT, so a
 * supervisor can make one per edge process and keep them open: connections that wait in the queue of a crashed edge are
 * served by its successor.
 */
#pragma once
#include "base/err.h"

/* A bound and listening, non-blocking, close-on-exec socket. ERR_IO with a sentence in f ("port 8443 on 127.0.0.1 is
 * taken"). */
err listen_open(const char *address, int *ret_fd, fault *f) MUST_CHECK;
/* Another socket on the very address fd is bound to. */
err listen_again(int fd, int *ret_fd, fault *f) MUST_CHECK;
/* "127.0.0.1:8443" as bound; out of size n. */
err listen_address(int fd, char *out, size_t n) MUST_CHECK;
