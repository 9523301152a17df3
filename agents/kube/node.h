/* node: what we need of a node, read from its text. */
#pragma once
#include "agents/kube/fields.h"

enum { KUBE_TAINTS_MAX = 64 };

typedef struct kube_taint {
	str key, value, effect;
} kube_taint;

typedef struct kube_node {
	object_meta meta;
	int64_t made_us; /* its creationTimestamp; 0: it has none */
	fields_pairs labels, annotations;
	fields_amounts capacity, allocatable;
	kube_taint *taints;
	uint32_t n_taints;
	bool is_cordoned; /* spec.unschedulable */
	bool is_unready;  /* it says that it is not Ready; one that says nothing is */
} kube_node;

/* Points into the text and a. Unknown members are passed over. */
err kube_node_read(str text, arena *a, kube_node *ret) MUST_CHECK;
/* The annotation's value, or STR_NONE. */
str kube_node_annotation(const kube_node *n, const char *key);
/* False: it has none of it. */
bool kube_node_capacity(const kube_node *n, const char *resource, quantity *ret);
/* What of it pods may have: allocatable, or the capacity where a node does not say. */
bool kube_node_allocatable(const kube_node *n, const char *resource, quantity *ret);
