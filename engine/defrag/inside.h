/* inside: what the parts of defragmentation share. */
#pragma once
#include "engine/defrag.h"

/* A pod that runs, as an ask: where else could it go. */
typedef struct shape {
	ask_group group;
	ask_entry entries[ASK_ENTRIES_MAX];
	int32_t classes[ASK_ENTRIES_MAX];
} shape;

typedef struct candidate {
	int64_t cost, milli; /* of device, that would move */
	int64_t worth;       /* higher first, before cost */
	int32_t node, device;
	int32_t pods[2]; /* to move: rows of running.pods; FLEET_NONE: none */
} candidate;

struct defrag {
	fleet *f;
	const running *r;
	int64_t looks;
	int32_t tries;
	bool is_cut;
	defrag_plan *ret;
	const defrag_terms *terms;
	plan found; /* by the finder */
	vec(candidate) best;
	vec(uint8_t) moved; /* by row of running.pods */
	vec(str) avoid_uuids;
	vec(int32_t) avoid; /* devices that are no targets */
	int32_t avoid_node;
	vec(shape) failed; /* shapes without a target, as things stand */
	bool is_sweep;     /* no ask was refused: defrag_cluster */
	bool is_hopeless;  /* the last search for a target found none even with nothing avoided */
	vec(int32_t) pods; /* of the candidate at hand */
	fit_choice choice;
};

static inline const plan_pod *pod_at(const defrag *w, int32_t at)
{
	const running_pod *pod = &w->r->pods.v[at];

	return &w->r->runs.v[pod->run].p->pods.v[pod->pod];
}

static inline const plan *plan_at(const defrag *w, int32_t at)
{
	return w->r->runs.v[w->r->pods.v[at].run].p;
}

/* Whether the pod may move, and has not yet. */
bool pod_is_movable(const defrag *w, int32_t at);
/* False: its slices cannot be told as an ask. */
bool shape_of(const defrag *w, int32_t at, shape *ret);

void defrag_begin(defrag *w, fleet *f, const running *r, const defrag_terms *t, defrag_plan *ret);
void avoid_clear(defrag *w);
void avoid_devices_of(defrag *w, int32_t at);
void avoid_device(defrag *w, int32_t device);

/* Moves the pod in the trial at hand: books the target, then frees the source. False: there is no target, and nothing
 * was done. *ret_gain grows by what devices and nodes became idle. */
bool pod_move(defrag *w, int32_t at, int64_t node_gain_milli, int64_t *ret_gain);
/* Takes back what was recorded from move `keep` on; the trial is the caller's to undo. */
void moves_cut(defrag *w, uint32_t keep);

/* Keeps the n best candidates, best first. */
void candidate_keep(defrag *w, const candidate *c, uint32_t n);
