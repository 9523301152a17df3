#include "engine/plan.h"

#include <assert.h>
#include <string.h>

void plan_init(plan *p)
{
	*p = (plan){.cluster = -1};
}

void plan_done(plan *p)
{
	vec_done(&p->pods);
	vec_done(&p->devices);
}

void plan_clear(plan *p)
{
	p->cluster = -1;
	vec_clear(&p->pods);
	vec_clear(&p->devices);
}

void plan_copy(plan *to, const plan *from)
{
	plan_clear(to);
	to->cluster = from->cluster;
	for (uint32_t i = 0; i < from->pods.n; i++)
		vec_push(&to->pods, from->pods.v[i]);
	for (uint32_t i = 0; i < from->devices.n; i++)
		vec_push(&to->devices, from->devices.v[i]);
}

void plan_add_pod(plan *p, int32_t group, int32_t index, int32_t node, int64_t cpu_milli, int64_t memory_mib)
{
	assert(cpu_milli >= 0 && memory_mib >= 0);
	plan_pod pod = {group, index, node, cpu_milli, memory_mib, p->devices.n, 0};

	vec_push(&p->pods, pod);
}

void plan_add_device(plan *p, plan_device d)
{
	assert(p->pods.n > 0 && d.memory_mib >= 0 && d.compute_milli >= 0);
	vec_push(&p->devices, d);
	p->pods.v[p->pods.n - 1].n++;
}

void plan_cut(plan *p, uint32_t n_pods)
{
	if (n_pods >= p->pods.n)
		return;
	p->devices.n = p->pods.v[n_pods].first;
	p->pods.n = n_pods;
}
