/* mover: which running pods move aside when one would be refused, and how many may.
 *
 * Every arrival earns a part of a move, up to a store of them; each move spends one. A search is made only for pods
 * with GPUs and while a whole move is in store. What a move costs is the milli of GPU that would move, and no more may
 * move than then fits; two pods move only for one that asks two GPUs or more. (engine/defrag.h)
 */
#pragma once
#include "cli/simulate/stage.h"
#include "engine/defrag.h"

enum { MOVER_MOVES_MAX = 2 };

typedef struct mover_figures {
	int64_t moves, searches, ns, max_ns;
} mover_figures;

typedef struct mover {
	stage *stage;
	defrag *search;
	running list;
	defrag_terms terms;
	defrag_plan plan;
	request asked;                  /* of a pod that would move */
	vec(uint32_t) seq_of;           /* by run */
	int64_t moves_max, store, rate; /* thousandths of a move; rate: each arrival */
	mover_figures figures;
} mover;

/* moves_max 0: nothing ever moves, and nothing is kept. rate: moves per 1000 arrivals. */
void mover_init(mover *m, stage *s, place *finder, const request *like, int64_t moves_max, int64_t rate);
void mover_done(mover *m);

/* The pod runs by this plan, which stays where it is; it gets the handle to end it by. */
int32_t mover_begin(mover *m, uint32_t seq, const plan *p);
void mover_end(mover *m, int32_t run);

/* One more pod has arrived. */
void mover_arrive(mover *m);
/* Looks for moves after which the ask fits: m->plan. False: there are none, or they may not be made now. */
bool mover_find(mover *m, const ask *a);
/* Does move i of the plan; p is the plan of the pod that it says. */
uint32_t mover_pod(const mover *m, uint32_t i);
void mover_apply(mover *m, uint32_t i, plan *p);
