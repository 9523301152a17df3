#include "server/placer/change.h"

#include <string.h>

#include "engine/fleet.h"

void changes_done(changes *c)
{
	vec_done(&c->class_freed);
	vec_done(&c->cluster_freed);
	vec_done(&c->cluster_opened);
	vec_done(&c->tenant_fell);
}

static void mark(change_marks *m, int32_t at, uint64_t count)
{
	if (at < 0)
		return;
	while (m->n <= (uint32_t)at)
		vec_push(m, 0);
	m->v[at] = count;
}

static uint64_t mark_of(const change_marks *m, int32_t at)
{
	return at >= 0 && (uint32_t)at < m->n ? m->v[at] : 0;
}

void change_all(changes *c)
{
	c->anything = ++c->count;
}

void change_freed(changes *c, int32_t cluster, int32_t class_id)
{
	c->any_freed = ++c->count;
	mark(&c->class_freed, class_id, c->count);
	mark(&c->cluster_freed, cluster, c->count);
}

void change_opened(changes *c, int32_t cluster)
{
	c->opened = ++c->count;
	mark(&c->cluster_opened, cluster, c->count);
}

void change_fell(changes *c, int32_t tenant)
{
	mark(&c->tenant_fell, tenant, ++c->count);
}

/* A class and a cluster that were both freed need not have been so together: a look too many does no harm. */
static bool was_freed(const changes *c, const booking_watch *w, uint64_t since)
{
	uint64_t in_class = w->class_id == FLEET_NONE ? c->any_freed : mark_of(&c->class_freed, w->class_id);
	uint64_t in_cluster = w->cluster == FLEET_NONE ? c->any_freed : mark_of(&c->cluster_freed, w->cluster);

	return in_class > since && in_cluster > since;
}

static bool was_opened(const changes *c, const booking_watch *w, uint64_t since)
{
	return (w->cluster == FLEET_NONE ? c->opened : mark_of(&c->cluster_opened, w->cluster)) > since;
}

static bool watch_moved(const changes *c, const booking_watch *w, uint64_t since)
{
	switch (w->when) {
	case WHEN_USE_FALLS:
	case WHEN_PERIOD_BEGINS:
		return mark_of(&c->tenant_fell, w->tenant) > since;
	case WHEN_CAPACITY_FREES:
		return was_freed(c, w, since);
	default:
		return was_opened(c, w, since);
	}
}

bool change_concerns(const changes *c, const booking_wait *w)
{
	if (c->anything > w->tried || (w->is_any && c->count > w->tried))
		return true;
	for (int32_t i = 0; i < w->n; i++)
		if (watch_moved(c, &w->v[i], w->tried))
			return true;
	return false;
}
