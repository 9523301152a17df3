/* node: what we need of a node, read from its text. */
#pragma once
#include "agents/kube/fields.h"

typedef struct kube_node {
	object_meta meta;
	fields_pairs labels, annotations;
	fields_amounts capacity, allocatable;
	bool is_cordoned; /* spec.unschedulable */
} kube_node;

/* Points into the text and a. Unknown members are passed over. */
err kube_node_read(str text, arena *a, kube_node *ret) MUST_CHECK;
/* The annotation's value, or STR_NONE. */
str kube_node_annotation(const kube_node *n, const char *key);
/* False: it has none of it. */
bool kube_node_capacity(const kube_node *n, const char *resource, quantity *ret);
