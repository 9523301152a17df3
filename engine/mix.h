/* mix: which kinds of pods arrive, and how often. It is learnt from the arrivals themselves; nothing is given.
 *
 * Every arrival counts, placed or not: demand is what is asked. A kind's weight halves in MIX_HALF_LIFE arrivals, and a
 * second, slower one in MIX_HALF_LIFE_SLOW, for kinds that are rare and large. What was not seen for long is dropped
 * when the table is full, so that a stream without any repetition is a window over its last arrivals.
 *
 * Turnover is the other thing that is learnt: whether pods leave. Where nothing leaves, a hole that no pod of the mix
 * fills is lost once; where pods leave, holes come and go, and keeping devices and nodes whole pays again and again.
 */
#pragma once
#include <stdbool.h>
#include <stdint.h>

enum {
	MIX_KINDS_MAX = 4096,
	MIX_MODELS_MAX = 32, /* classes that are told apart; the last one stands for all others */
	MIX_HALF_LIFE = 2000,
	MIX_HALF_LIFE_SLOW = 8000,
	MIX_GANG_MIN = 4, /* whole devices from which a pod is a gang */
};

/* What one pod asks; a pod without devices has count and milli 0. */
typedef struct mix_kind {
	int32_t cpu_milli, memory_mib;
	int32_t count, milli; /* devices, and the dominant share of each: 1 to 1000 */
	uint32_t models;      /* those it may use, by bit; 0: any */
} mix_kind;

typedef struct mix_row {
	mix_kind kind;
	double weight, slow_weight; /* of equal scale within one mix only */
} mix_row;

typedef struct mix {
	uint32_t n;
	mix_row rows[MIX_KINDS_MAX];
	int16_t by_hash[2 * MIX_KINDS_MAX]; /* row + 1; open addressing */
	double step, slow_step;             /* weight of the next arrival: they grow, so that the others shrink */
	double arrivals, departures;        /* decayed */
	uint64_t seen;                      /* arrivals, not decayed */
} mix;

void mix_init(mix *m);
/* `times` pods of one kind. */
void mix_arrive(mix *m, const mix_kind *kind, int32_t times);
/* The same, said beforehand: it weighs as much as the next arrivals do, and counts as none. */
void mix_expect(mix *m, const mix_kind *kind, int32_t times);
void mix_depart(mix *m);
/* 0: nothing leaves, to 1: one pod leaves for every tenth that arrives, or more. */
double mix_turnover(const mix *m);

static inline int32_t mix_ask_milli(const mix_kind *k)
{
	return k->count * k->milli;
}

static inline bool mix_is_gang(const mix_kind *k)
{
	return k->count >= MIX_GANG_MIN && k->milli == 1000;
}

static inline bool mix_may_use(uint32_t models, int32_t model)
{
	return models == 0 || models >> model & 1;
}

/* What the mix asks per thousandth of a device, over pods with devices. 0 where no such pod is known. */
typedef struct mix_needs {
	double cpu_milli, memory_mib;
} mix_needs;
mix_needs mix_needs_of(const mix *m);

/* The mix as numbers that two points in time can be compared by. */
enum { MIX_SIZE_BINS = 62 };
typedef struct mix_profile {
	double sizes[MIX_SIZE_BINS]; /* share of the demand by size; the last: gangs */
	double tied[MIX_MODELS_MAX]; /* share that is tied to the model */
	mix_needs needs;
} mix_profile;
void mix_profile_of(const mix *m, mix_profile *ret);
/* Whether prices made at `a` are stale at `b`. */
bool mix_has_moved(const mix_profile *a, const mix_profile *b);
