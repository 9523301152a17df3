/* mirror: keeps a stock true to its cluster, by following nodes and pods; and the pods that wait for a node.
 *
 * A pod that asks for devices and is not bound is kept as the API server told it last, so that a bind needs no call to
 * learn what it is about.
 */
#pragma once
#include "agents/scheduling/stock.h"
#include "agents/kube/follow.h"

typedef struct mirror mirror;

/* Who hears of each pod and node too, after the stock. All are optional. */
typedef struct mirror_ear {
	void (*on_pod)(void *arg, const pod *p, str text);
	void (*on_pod_gone)(void *arg, const object_meta *m);
	void (*on_node)(void *arg, const kube_node *n);
	void (*on_node_gone)(void *arg, str name);
	void *arg;
} mirror_ear;

typedef struct mirror_spec {
	loop *loop;
	kube *kube;
	stock *stock;
	/* Nodes and pods have both been told whole: answers mean something from now on. Once. Optional. */
	void (*on_ready)(void *arg);
	/* What mirror_list asked for. Optional. */
	void (*on_listed)(void *arg);
	/* Something of a node or pod cannot be read, or a call failed: for the log. Optional. */
	void (*on_trouble)(void *arg, str what, str why);
	void *arg;
	mirror_ear ear;
} mirror_spec;

mirror *mirror_open(const mirror_spec *s);
void mirror_close(mirror *m); /* NULL-safe; before the kube */
bool mirror_is_ready(const mirror *m);
/* Nodes and pods are listed anew: what was so before this call is known once on_listed has come, whatever became of the
 * watches. */
void mirror_list(mirror *m);
/* The text of a pod that waits for a node, or STR_NONE; valid until the loop runs. */
str mirror_waiting(const mirror *m, str uid);
/* The same of one that is known by its name alone; a search. */
str mirror_waiting_named(const mirror *m, str space, str name);
