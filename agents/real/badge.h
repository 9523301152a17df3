/* badge: the label on an agent's own pod that says that it acts, which is how the extender's Service finds it.
 *
 * Every agent that knows its cluster is ready: it can take over. One alone binds, and the scheduler must be led to that
 * one. A process that ends leaves its pod's label behind, so an agent takes its own off before it says that it is
 * ready, and the one that begins to act takes it off all others. Outside a pod nothing is written.
 */
#pragma once
#include "agents/kube/kube_write.h"

#define BADGE_LABEL    "reeve.io/acting"
#define BADGE_AGAIN_US ((int64_t)1000000)

typedef struct badge_spec {
	loop *loop;
	kube *kube;
	str space;       /* copied */
	const char *pod; /* our own; NULL: there is none */
	/* A call did not work and is tried again. */
	void (*on_trouble)(void *arg, long status, str why);
	void *arg;
} badge_spec;

typedef struct badge badge;

/* Takes the label off. */
badge *badge_open(const badge_spec *s);
void badge_close(badge *b); /* NULL-safe; before the kube */
/* Nobody is led here by a label of an agent before us. */
bool badge_is_off(const badge *b);
/* We act: ours is put on, and taken off all other pods. */
void badge_wear(badge *b);
