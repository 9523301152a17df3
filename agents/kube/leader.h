/* leader: which of the agents of a cluster acts, by a Lease (coordination.k8s.io).
 *
 * Whoever holds the Lease renews it; another takes it when it has not changed for its whole duration, by the watcher's
 * own clock from the moment it saw the last change: the holder's times are never compared. We count as leader only
 * until LEADER_RENEW_US after we sent the last renewal that went through, which is well before anybody may take it, so
 * that two never act at once however slow the network is. Every write is guarded by the resourceVersion that was read.
 */
#pragma once
#include "agents/kube/kube.h"

/* LEADER_CALLS: that many calls in a row may be lost to their time before the Lease is. */
enum { LEADER_DURATION_S = 15, LEADER_IDENTITY_MAX = 253, LEADER_CALLS = 2 };
#define LEADER_RENEW_US ((int64_t)10 * 1000000)
#define LEADER_RETRY_US ((int64_t)2 * 1000000)

typedef struct leader leader;

typedef struct leader_spec {
	loop *loop;
	kube *kube;
	str space, name;                        /* of the Lease */
	str identity;                           /* ours: unique per process */
	int64_t duration_s, renew_us, retry_us; /* 0: the above */
	/* From the loop, at each change. */
	void (*on_change)(void *arg, bool is_leader);
	void *arg;
} leader_spec;

/* Begins at once, not as leader. Texts are copied. */
leader *leader_open(const leader_spec *s);
/* Gives the Lease up, so that another need not wait, and frees itself once that was tried. on_change is not called.
 * The kube must stay until then: at most KUBE_TIMEOUT_MS. */
void leader_close(leader *l);
bool leader_is(const leader *l);
/* Who holds it as far as we saw, or an empty text. */
str leader_holder(const leader *l);
