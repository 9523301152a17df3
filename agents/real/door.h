/* door: what a cluster's agent answers over HTTPS: the scheduler's extender, and whatever else is routed here.
 *
 * A route is a method and a path's beginning; who has it answers each of its requests once, now or later. The
 * extender's verbs are found by a path's end, as schedulers send them behind any prefix. The certificate is two files,
 * looked at now and then: new ones, and client_ca_file with them, count for the connections that come after.
 */
#pragma once
#include "agents/scheduling/extender/edge.h"

enum {
	DOOR_ROUTES_MAX = 32,
	DOOR_BODY_MAX = 8 << 20, /* a review has an object twice, and an API server takes 3 MiB */
	DOOR_STRANGER_MAX = 64 << 10,
};
#define DOOR_LOOK_US ((int64_t)10000000)

typedef struct door door;

typedef struct door_spec {
	loop *loop;
	const char *address;              /* "host:port" */
	const char *cert_file, *key_file; /* NULL: plain, for loopback alone */
	/* Who asks the extender must show a certificate whose chain ends in one of these; NULL: anybody may. Routes are
	 * for others to guard: API servers call webhooks without one. */
	const char *client_ca_file;
	extender_edge *edge;
	/* The certificate's files cannot be used: the last ones stay. */
	void (*on_trouble)(void *arg, const char *why);
	void *arg;
} door_spec;

err door_open(const door_spec *s, door **ret, fault *f) MUST_CHECK;
void door_close(door *d); /* NULL-safe */
/* "127.0.0.1:8443", as bound. */
const char *door_address(const door *d);
/* Paths that begin with this go there; the longest beginning counts. path: static. */
void door_route(door *d, web_method m, const char *path, void (*answer)(void *arg, web_req *r), void *arg);
/* Reads the certificate's files again now. */
void door_reload(door *d);
