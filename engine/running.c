#include "engine/running.h"

#include <assert.h>
#include <string.h>

void running_init(running *r)
{
	memset(r, 0, sizeof *r);
}

void running_done(running *r)
{
	vec_done(&r->runs);
	vec_done(&r->pods);
	vec_done(&r->first_by_node);
	vec_done(&r->free_runs);
	vec_done(&r->free_pods);
}

static void pod_link(running *r, int32_t at, int32_t node)
{
	running_pod *pod = &r->pods.v[at];

	while (r->first_by_node.n <= (uint32_t)node)
		vec_push(&r->first_by_node, FLEET_NONE);
	pod->node = node;
	pod->prev = FLEET_NONE;
	pod->next = r->first_by_node.v[node];
	if (pod->next != FLEET_NONE)
		r->pods.v[pod->next].prev = at;
	r->first_by_node.v[node] = at;
}

static void pod_unlink(running *r, int32_t at)
{
	const running_pod *pod = &r->pods.v[at];

	if (pod->prev == FLEET_NONE)
		r->first_by_node.v[pod->node] = pod->next;
	else
		r->pods.v[pod->prev].next = pod->next;
	if (pod->next != FLEET_NONE)
		r->pods.v[pod->next].prev = pod->prev;
}

static void pod_sum(running *r, int32_t at, const plan *p)
{
	running_pod *pod = &r->pods.v[at];
	const plan_pod *from = &p->pods.v[pod->pod];

	pod->n_devices = (int32_t)from->n;
	if (pod->n_devices > r->max_devices)
		r->max_devices = pod->n_devices;
	pod->device = from->n ? p->devices.v[from->first].device : FLEET_NONE;
	pod->device_memory_mib = pod->compute_milli = 0;
	for (uint32_t i = from->first; i < from->first + from->n; i++) {
		pod->device_memory_mib += p->devices.v[i].memory_mib;
		pod->compute_milli += p->devices.v[i].compute_milli;
	}
}

static int32_t pod_new(running *r)
{
	if (r->free_pods.n)
		return vec_pop(&r->free_pods);
	(void)vec_add(&r->pods);
	return (int32_t)r->pods.n - 1;
}

int32_t running_add(running *r, const plan *p, const running_terms *terms)
{
	int32_t run = (int32_t)r->runs.n, before = FLEET_NONE;

	assert(terms->cost >= 0 && terms->cost <= RUNNING_COST_MAX);
	assert(terms->pod_cost >= 0 && terms->pod_cost <= RUNNING_COST_MAX);
	assert(terms->move_cost >= 0 && terms->move_cost <= RUNNING_COST_MAX);
	if (r->free_runs.n)
		run = vec_pop(&r->free_runs);
	else
		(void)vec_add(&r->runs);
	for (uint32_t i = p->pods.n; i > 0; i--) {
		int32_t at = pod_new(r);
		r->pods.v[at] = (running_pod){.run = run, .pod = i - 1, .sibling = before};
		pod_link(r, at, p->pods.v[i - 1].node);
		pod_sum(r, at, p);
		before = at;
	}
	r->runs.v[run] = (running_row){p, *terms, before};
	return run;
}

void running_remove(running *r, int32_t run)
{
	running_row *row = &r->runs.v[run];

	assert(row->p);
	for (int32_t at = row->first_pod; at != FLEET_NONE; at = r->pods.v[at].sibling) {
		pod_unlink(r, at);
		vec_push(&r->free_pods, at);
	}
	*row = (running_row){.first_pod = FLEET_NONE};
	vec_push(&r->free_runs, run);
}

void running_move(running *r, int32_t run, uint32_t pod)
{
	const plan *p = r->runs.v[run].p;
	int32_t at = r->runs.v[run].first_pod;

	while (r->pods.v[at].pod != pod)
		at = r->pods.v[at].sibling;
	pod_unlink(r, at);
	pod_link(r, at, p->pods.v[pod].node);
	pod_sum(r, at, p);
}

int32_t running_spare(const running_row *row, int32_t group)
{
	int32_t pods = 0;

	if (!row->terms.floors || group >= row->terms.n_floors)
		return 0;
	for (uint32_t i = 0; i < row->p->pods.n; i++)
		pods += row->p->pods.v[i].group == group;
	int32_t spare = pods - row->terms.floors[group];
	return spare > 0 ? spare : 0;
}

int64_t running_pod_milli(const plan *p, uint32_t pod)
{
	const plan_pod *one = &p->pods.v[pod];
	int64_t milli = 0;

	for (uint32_t i = one->first; i < one->first + one->n; i++)
		milli += p->devices.v[i].charge.v[AXIS_DEVICE_MILLI];
	return milli;
}
