/* locks: the locks that HAMi's scheduler left on nodes, taken over.
 *
 * HAMi locks a node from a pod's binding until the node's plugin has given its devices, by an annotation: the time, and
 * the pod. Its plugins ask the lock first whose devices they give, so one that was left behind gives the next pod's
 * devices to nobody. We make none. One is taken away when its pod is gone, runs or is over, and after LOCKS_HELD_US
 * whatever it says: then nobody holds it. Until that the node's plugin is at work for the pod, and it stays.
 */
#pragma once
#include "agents/kube/kube_write.h"
#include "agents/kube/node.h"

#define LOCKS_HELD_US ((int64_t)300 * 1000000)
#define LOCKS_LOOK_US ((int64_t)15 * 1000000)

/* What a lock's annotation says: "2026-08-21T10:00:00Z,team,pod", or the time alone, as it once was. */
typedef struct node_lock {
	int64_t at_us;
	str space, pod; /* absent: it does not say */
} node_lock;
/* False: it says nothing that can be read, and nobody can hold it. */
bool node_lock_read(str value, node_lock *ret);

typedef struct locks_spec {
	loop *loop;
	kube *kube;
	int64_t (*now_us)(void); /* NULL: the clock */
	bool (*leads)(void *arg);
	/* One was taken away, or could not be. Optional. */
	void (*on_taken)(void *arg, str node, str lock, bool is_done);
	void *arg;
} locks_spec;

typedef struct locks locks;

locks *locks_new(const locks_spec *s);
/* NULL-safe; the kube must stay until the loop has run once more. */
void locks_free(locks *l);
/* A node as it is told, or gone. */
void locks_node(locks *l, const kube_node *n);
void locks_node_gone(locks *l, str name);
