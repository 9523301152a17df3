/* pod: what we need of a pod, read from its text. */
#pragma once
#include "agents/kube/fields.h"

enum { POD_CONTAINERS_MAX = 256, POD_TOLERATIONS_MAX = 64 };

/* As written; operator is "" where none is. */
typedef struct pod_toleration {
	str key, operator, value, effect;
} pod_toleration;

typedef struct pod_container {
	str name;
	bool is_init;
	bool is_sidecar; /* an init container that goes on beside the others */
	bool is_privileged;
	bool has_resources; /* the member is there, maybe empty; as are lists that are not NULL */
	fields_amounts limits, requests;
	fields_pairs env; /* a value is absent where it comes from elsewhere */
} pod_container;

typedef struct pod {
	object_meta meta; /* of one that is being made: without uid, and without a name when it gets one */
	fields_pairs labels, annotations;
	fields_pairs node_selector;
	pod_toleration *tolerations;
	uint32_t n_tolerations;
	str node;      /* bound there; empty: not yet */
	str nominated; /* holds room there after a preemption */
	str scheduler;
	str phase;          /* Pending, Running, Succeeded, Failed */
	int64_t started_us; /* when its kubelet took it up; 0: it has not, or does not say */
	int64_t priority;
	str priority_class; /* by name; empty: it names none */
	bool is_meek;       /* preemptionPolicy Never: nobody yields to it */
	str runtime_class;
	bool is_short;             /* containers or amounts were left out: what it asks for is not known whole */
	bool is_leaving;           /* its deletion was asked for */
	bool is_gated;             /* not to be scheduled yet */
	bool is_initialized;       /* its init containers are done */
	pod_container *containers; /* init containers first, then the others, each in order */
	uint32_t n_containers;
} pod;

/* Points into the text and a. Unknown members are passed over, and so is what is more than we hold, or no text or
 * amount of ours: what runs is known whatever else is said of it. */
err pod_read(str text, arena *a, pod *ret) MUST_CHECK;
/* Something of it was left out: of what it is made from, that is no reason to go on. */
bool pod_is_cut(const pod *p);
/* It has come to its end and holds nothing any more. */
bool pod_is_over(const pod *p);
/* The annotation's value, or STR_NONE. */
str pod_annotation(const pod *p, const char *key);
#define POD_LABELS_MANY S("*")
/* Its labels as "key=value,key=value", in a; POD_LABELS_MANY when that is more than n_bytes_max. */
str pod_labels_text(const pod *p, size_t n_bytes_max, arena *a);
