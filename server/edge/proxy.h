/* proxy: who is at the other end, where requests come through proxies.
 *
 * Proxies add the address a request came from to X-Forwarded-For, on the right. What they say counts where the
 * connection comes from one of the settings' trusted-proxies, and only as far as each of them is one: the rightmost
 * address that is no trusted proxy is the client. Whatever stands left of it anybody may have written.
 */
#pragma once
#include "net/web.h"
#include "server/identity/cidr.h"

enum { PROXIES_MAX = 64 };

typedef struct proxies {
	cidr v[PROXIES_MAX];
	uint32_t n;
} proxies;

/* From "10.0.0.0/8, 2001:db8::1", or NULL. SETTING for what is no range, and for more than PROXIES_MAX. */
err proxies_read(const char *list, proxies *ret, fault *f) MUST_CHECK;
/* The client's address as text, in a or as long as the request. A list that cannot be read, and one in several headers,
 * counts as none: then it is the connection's. */
const char *proxies_client(const proxies *p, const web_req *w, arena *a);
