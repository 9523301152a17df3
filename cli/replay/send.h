/* send: pods as placements through the front door, in order, in chunks, each chunk decided before the next is sent.
 *
 * Every chunk has its own Idempotency-Key, so that a call whose answer was lost is simply made again, however often the
 * server dies meanwhile.
 */
#pragma once
#include "cli/replay/fleet.h"
#include "cli/replay/outcome.h"

typedef struct sender {
	replay_fleet *fleet;
	outcomes *out;
	const char *node_policy, *device_policy;
	bool may_wait;      /* queue: true */
	int64_t give_up_ms; /* one chunk, repeats included */
	int64_t calls, repeats;
	arena *kept; /* ids and codes of the outcomes */
} sender;

/* Sends pods [from, to) and records what was decided. */
err send_pods(sender *s, uint32_t from, uint32_t to, fault *f) MUST_CHECK;
/* Releases a placed pod and waits until its devices are free. */
err send_release(sender *s, uint32_t seq, fault *f) MUST_CHECK;
/* Asks again for every pod that still waits: what was placed meanwhile is recorded. */
err send_look_again(sender *s, fault *f) MUST_CHECK;
/* The body of a 200, asked for until the server answers or give_up_ms have passed. */
err send_get(const sender *s, arena *a, const char *path, str *ret_body, fault *f) MUST_CHECK;
