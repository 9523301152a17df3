/* stage: a trace's cluster as the engine's fleet, and its pods as what the engine is asked.
 *
 * A GPU has one axis in the trace and two in the engine: it gets 1000 thousandths of compute and STAGE_MIB_PER_MILLI
 * MiB of memory for each, and a pod asks the same part of both, so that neither is free while the other is not. Models
 * are classes; a pod's models are equally good. Ranks are the order of the trace, whatever cluster a node is dealt to.
 */
#pragma once
#include "base/map.h"
#include "cli/trace/trace.h"
#include "engine/place.h"

enum { STAGE_MIB_PER_MILLI = 16, STAGE_CLUSTERS_MAX = 1000 };

typedef struct class_list {
	int32_t v[ASK_CLASSES_MAX];
	int32_t n;
} class_list;

typedef struct stage {
	fleet fleet;
	const trace *trace;
	vec(int32_t) node_of; /* row of trace.nodes, by node handle */
	vec(uint8_t) gpu_of;  /* index on its node, by device handle */
	vec(class_list) lists;
	map list_by_spec;      /* index in lists + 1 */
	vec(uint32_t) list_of; /* index in lists, by pod */
} stage;

/* Nodes are dealt to the clusters in turn. The trace must outlive the stage; a has its texts. */
err stage_open(stage *s, arena *a, const trace *t, int64_t clusters, fault *f) MUST_CHECK;
void stage_close(stage *s);
/* The classes of a spec, "A|B". */
err stage_classes(stage *s, str spec, class_list *list, fault *f) MUST_CHECK;

/* What one pod asks; stands on its own memory, so that a decision needs none. */
typedef struct request {
	ask ask;
	ask_group group;
	ask_entry entry;
} request;

void request_init(request *r, ask_policy node_policy, ask_policy device_policy);
/* Makes r the request of pod seq. */
void request_fill(request *r, const stage *s, uint32_t seq);
