#include "engine/reference.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/heap.h"

/* What becomes of a node's free share for one typical pod; the order of the sum. */
typedef enum fate {
	LACKS_ALL,
	TOO_SMALL, /* free shares below what the pod asks, where it fits */
	USABLE,
	LACKS_CPU,
	NO_GPU_ASKED,
	NO_GPU_ASKED_LACKS_CPU,
	OTHER_CLASS,
	FATES,
} fate;

typedef struct typical {
	double share;
	int64_t cpu_milli;
	int32_t milli, count, n_classes;
	int32_t classes[ASK_CLASSES_MAX];
} typical;

struct reference {
	uint32_t n;
	typical pods[REFERENCE_PODS_MAX];
};

/* The free shares of one node, as they stand or as they would stand. */
typedef struct shares {
	int64_t cpu_milli;
	int32_t class_id, n, sum;
	int32_t milli[FLEET_NODE_DEVICES_MAX];
} shares;

reference *reference_new(void)
{
	return heap_new(1, sizeof(reference));
}

void reference_free(reference *r)
{
	free(r);
}

err reference_add(reference *r, double share, int64_t cpu_milli, int32_t milli, int32_t count, const int32_t *classes,
	int32_t n_classes)
{
	assert(milli >= 0 && milli <= SHARE_WHOLE_MILLI && count >= 0 && n_classes >= 0);
	if (r->n == REFERENCE_PODS_MAX || n_classes > ASK_CLASSES_MAX)
		return ERR_TOO_MANY_ITEMS;
	typical *t = &r->pods[r->n++];
	*t = (typical){.share = share, .cpu_milli = cpu_milli, .milli = milli, .count = count, .n_classes = n_classes};
	if (n_classes)
		memcpy(t->classes, classes, (size_t)n_classes * sizeof *classes);
	return ERR_OK;
}

static bool may_use(const typical *t, int32_t class_id)
{
	for (int32_t i = 0; i < t->n_classes; i++)
		if (t->classes[i] == class_id)
			return true;
	return t->n_classes == 0;
}

static void fate_add(double *fates, const typical *t, const shares *s)
{
	bool has_cpu = s->cpu_milli >= t->cpu_milli;
	int32_t fitting = 0, small = 0;

	if (t->count == 0) {
		fates[has_cpu ? NO_GPU_ASKED : NO_GPU_ASKED_LACKS_CPU] += t->share * s->sum;
		return;
	}
	if (!may_use(t, s->class_id)) {
		fates[OTHER_CLASS] += t->share * s->sum;
		return;
	}
	for (int32_t i = 0; i < s->n; i++) {
		if (s->milli[i] >= t->milli)
			fitting++;
		else
			small += s->milli[i];
	}
	if (fitting < t->count) {
		fates[has_cpu ? TOO_SMALL : LACKS_ALL] += t->share * s->sum;
	} else if (!has_cpu) {
		fates[LACKS_CPU] += t->share * s->sum;
	} else {
		fates[TOO_SMALL] += t->share * small;
		fates[USABLE] += t->share * (s->sum - small);
	}
}

static double fragmentation(const reference *r, const shares *s)
{
	double fates[FATES] = {0}, sum = 0;

	for (uint32_t i = 0; i < r->n; i++)
		fate_add(fates, &r->pods[i], s);
	for (fate i = 0; i < FATES; i++)
		if (i != USABLE)
			sum += fates[i];
	return sum;
}

static void shares_of(shares *s, const fleet *f, const fleet_view *v)
{
	s->cpu_milli = v->free_cpu_milli;
	s->class_id = v->class_id;
	s->n = v->n_cells;
	s->sum = v->free_device_milli;
	for (int32_t i = 0; i < s->n; i++)
		s->milli[i] = f->cells.v[v->first_cell + i].free_milli;
}

static void shares_take(shares *s, const fleet_view *v, const score_slice *slice)
{
	s->milli[slice->cell - v->first_cell] -= slice->milli;
	s->sum -= slice->milli;
}

double reference_fragmentation(const reference *r, const fleet *f, int32_t node)
{
	shares s;

	shares_of(&s, f, &f->views.v[node]);
	return fragmentation(r, &s);
}

static int32_t rate(double fallen)
{
	return (int32_t)(SCORE_MAX / (1.0 + exp(-fallen / SHARE_WHOLE_MILLI)));
}

int64_t reference_device(const score_case *c, const fleet_cell *cell, const score_slice *slice)
{
	const reference *r = c->tables->reference;
	shares s;

	(void)cell;
	if (slice->milli == SHARE_WHOLE_MILLI)
		return 0; /* the lowest index */
	shares_of(&s, c->f, c->view);
	double before = fragmentation(r, &s);
	for (int32_t i = 0; i < c->n_slices; i++)
		shares_take(&s, c->view, &c->slices[i]);
	shares_take(&s, c->view, slice);
	s.cpu_milli -= c->group->cpu_milli;
	return rate(before - fragmentation(r, &s));
}

int32_t reference_node(const score_case *c)
{
	const reference *r = c->tables->reference;
	shares s;

	shares_of(&s, c->f, c->view);
	double before = fragmentation(r, &s);
	for (int32_t i = 0; i < c->n_slices; i++)
		shares_take(&s, c->view, &c->slices[i]);
	s.cpu_milli -= c->group->cpu_milli;
	return rate(before - fragmentation(r, &s));
}
