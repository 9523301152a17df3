#include "cli/demo/view.h"

#include <stdio.h>

#include "api/types/cluster.h"
#include "api/types/inventory.h"
#include "engine/share.h"

#define LIVE_STATES "pending,granted,delivered,accepted,bound,running,refused,revoking"

static int cluster_find(str name)
{
	for (int i = 0; i < CAST_CLUSTERS; i++)
		if (str_eq(name, str_from(cast_clusters[i].name)))
			return i;
	return -1;
}

static int64_t smaller(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

/* A device counts as much as its larger share is used. */
static void device_count(view *v, const device *d)
{
	int i = cluster_find(d->cluster);

	if (i < 0)
		return;
	v->clusters[i].devices++;
	v->clusters[i].used_milli += share_of_slice(smaller(d->used_memory_mib, d->memory_mib),
		smaller(d->used_compute_milli, SHARE_WHOLE_MILLI), d->memory_mib, 1)
					     .v[AXIS_DEVICE_MILLI];
}

static void placement_count(view *v, const placement *p)
{
	lifecycle life;
	int i = cluster_find(p->cluster);

	if (!lifecycle_find(p->state, &life))
		return;
	v->in_state[life]++;
	if (i >= 0 && life == LIFE_RUNNING)
		v->clusters[i].running++;
}

static err quotas_read(demo *d, arena *a, view *v, fault *f)
{
	err e = ERR_OK;

	for (int i = 0; i < CAST_TENANTS && !e; i++) {
		char path[128];
		snprintf(path, sizeof(path), "/v1/tenants/%s/quota", cast_tenants[i].path);
		char *slash = strchr(path + sizeof("/v1/tenants/") - 1, '/');
		if (cast_tenants[i].parent >= 0)
			*slash = '~';
		e = demo_get(d, a, d->admin, path, &tenant_quota_type, &v->quotas[i], f);
	}
	return e;
}

err view_read(demo *d, arena *a, view *ret, fault *f)
{
	js_list clusters = {0}, devices = {0};

	*ret = (view){0};
	err e = demo_list(d, a, d->admin, "/v1/clusters", &cluster_type, &clusters, f);
	if (!e)
		e = demo_list(d, a, d->admin, "/v1/devices?limit=1000", &device_type, &devices, f);
	if (!e)
		e = demo_list(
			d, a, d->admin, "/v1/placements?limit=1000&state=" LIVE_STATES, &placement_type, &ret->live, f);
	if (!e)
		e = quotas_read(d, a, ret, f);
	const cluster *c = clusters.v;
	const device *dev = devices.v;
	const placement *p = ret->live.v;
	for (uint32_t i = 0; i < clusters.n && !e; i++)
		if (cluster_find(c[i].name) >= 0)
			ret->clusters[cluster_find(c[i].name)].state = c[i].state;
	for (uint32_t i = 0; i < devices.n && !e; i++)
		device_count(ret, &dev[i]);
	for (uint32_t i = 0; i < ret->live.n && !e; i++)
		placement_count(ret, &p[i]);
	return e;
}

static void recent_push(view_feed *v, const char *line)
{
	memmove(v->recent[1], v->recent[0], sizeof(v->recent) - sizeof(v->recent[0]));
	snprintf(v->recent[0], sizeof(v->recent[0]), "%s", line);
}

void view_blocker(const placement *p, char out[VIEW_TEXT])
{
	const placement_blocker *b = p->blockers.n ? p->blockers.v : &(placement_blocker){.code = S("not decided yet")};
	bool is_milli = str_ends(b->axis, S("_milli"));
	double unit = is_milli ? 1000 : 1;

	snprintf(out, VIEW_TEXT, "%-14.*s %-11.*s " STR_FMT " " STR_FMT " " STR_FMT ": need %g, free %g",
		STR_ARG(p->tenant), STR_ARG(p->name), STR_ARG(b->code), STR_ARG(b->scope), STR_ARG(b->class),
		(double)b->need / unit, (double)b->free / unit);
}

void view_feed_add(view_feed *v, const placement *p)
{
	const placed_pod *pod = p->placed.n ? p->placed.v : NULL;
	char line[VIEW_TEXT];
	lifecycle life;

	v->decisions++;
	if (!lifecycle_find(p->state, &life))
		return;
	v->ended[life] += lifecycle_is_final(life);
	if (life == LIFE_GRANTED && pod)
		snprintf(line, sizeof(line),
			"granted   %-14.*s %-11.*s on " STR_FMT "/" STR_FMT "%s, %u pod%s x %u device%s",
			STR_ARG(p->tenant), STR_ARG(p->name), STR_ARG(p->cluster), STR_ARG(pod->node),
			p->placed.n > 1 ? " ..." : "", p->placed.n, p->placed.n == 1 ? "" : "s", pod->devices.n,
			pod->devices.n == 1 ? "" : "s");
	else if (life == LIFE_REJECTED || life == LIFE_REVOKED || life == LIFE_REFUSED)
		snprintf(line, sizeof(line), "%-9.*s %-14.*s %-11.*s " STR_FMT, STR_ARG(p->state), STR_ARG(p->tenant),
			STR_ARG(p->name), STR_ARG(p->reason));
	else
		return;
	recent_push(v, line);
}

int64_t view_feed_rate(view_feed *v, int64_t now_us)
{
	int oldest = v->marks[v->next_mark].at_us ? v->next_mark : 0;
	int64_t was_us = v->marks[oldest].at_us, had = v->marks[oldest].decisions;

	v->marks[v->next_mark].at_us = now_us;
	v->marks[v->next_mark].decisions = v->decisions;
	v->next_mark = (v->next_mark + 1) % VIEW_RATE_SPAN;
	if (!was_us || now_us <= was_us)
		return 0;
	return (v->decisions - had) * 1000000 / (now_us - was_us);
}
