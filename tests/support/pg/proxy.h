/* proxy: stands between a client and the private PostgreSQL, and cuts one connection after a given byte.
 *
 * On the client's own loop. Bytes up to the cut reach the other side; then both sides are closed. Connections after
 * that pass unhurt.
 */
#pragma once
#include "net/loop.h"

typedef enum proxy_way { PROXY_TO_SERVER, PROXY_TO_CLIENT } proxy_way;

typedef struct proxy proxy;

/* Listens in a folder of its own, in front of the server in REEVE_TEST_PG. */
proxy *proxy_new(loop *l);
void proxy_free(proxy *p);
/* The folder to connect to ("host=<folder>"). */
const char *proxy_folder(const proxy *p);
/* The next connection is cut once `at` bytes went that way; negative: not at all. */
void proxy_cut(proxy *p, proxy_way way, int64_t at);
/* Bytes that went that way over the first connection since proxy_cut, and whether the cut was made. */
int64_t proxy_bytes(const proxy *p, proxy_way way);
bool proxy_was_cut(const proxy *p);
