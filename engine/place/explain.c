#include <assert.h>

#include "engine/place/inside.h"

/* How much a reason says. Nodes of other classes say nothing while a node of the class is there, and nodes that are too
 * small anyway say nothing while a node is there that will do when something ends or opens. Quota has blockers of its
 * own. */
static int32_t weight_of(why_code code)
{
	if (why_is_quota(code))
		return 0;
	if (code == WHY_NO_SUCH_CLASS)
		return 1;
	return why_unblocks(code) == WHEN_INVENTORY ? 2 : 3;
}

/* The heaviest reason, of equals the one that most nodes give. */
void place_note(place *w, const int32_t *misses)
{
	w->reason = WHY_NO_SUCH_CLASS;
	for (why_code code = 1; code < WHY_COUNT; code++) {
		int32_t more = weight_of(code) - weight_of(w->reason);
		if (misses[code] > 0 && (more > 0 || (more == 0 && misses[code] > misses[w->reason])))
			w->reason = code;
	}
}

static void tally_node(place *w, attempt *at, const fit_need *need, int32_t node, int32_t stands_for)
{
	tally_row row = {.node = node, .nodes = stands_for};

	if (fit_rate(w->f, need, node) >= 0)
		return;
	fit_explain(w->f, need, node, &row.best);
	(void)tally_add(at->misses.rows, &at->misses.n, TALLY_ROWS_MAX, &row);
}

/* One of the nodes without a named device stands for all of them. */
static void tally_named(place *w, attempt *at, const fit_need *need)
{
	int32_t other = place_named_other(w, at->cluster);

	vec_each (node, &w->named)
		tally_node(w, at, need, *node, 1);
	if (other != FLEET_NONE)
		tally_node(w, at, need, other, (int32_t)(w->f->clusters.v[at->cluster].nodes.n - w->named.n));
}

/* What every node of the cluster lacks. */
void place_tally(place *w, attempt *at, const fit_need *need)
{
	const fleet_cluster *c = &w->f->clusters.v[at->cluster];
	shape *s = shapes_rate(w->shapes, w->f, need);

	at->is_tallied = true;
	at->misses.n = 0;
	if (s && shape_tally(s, w->f, need, at->cluster, &at->misses))
		return;
	at->misses.n = 0;
	if (place_named(w, at->cluster, need)) {
		tally_named(w, at, need);
		return;
	}
	for (uint32_t i = 0; i < c->nodes.n; i++)
		tally_node(w, at, need, c->nodes.v[i], 1);
}

static int32_t minimum_of(const ask *a)
{
	int32_t pods = 0;

	for (int32_t g = 0; g < a->n_groups; g++)
		pods += a->groups[g].min_replicas;
	return pods;
}

/* Where only quota keeps nodes of the class away, the class is there: that it is not elsewhere is no reason. */
static int32_t heaviest(const tally *t)
{
	int32_t weight = 1;

	for (int32_t i = 0; i < t->n; i++) {
		why_code code = t->rows[i].best.code;
		int32_t here = why_is_quota(code) ? 2 : weight_of(code);
		if (here > weight)
			weight = here;
	}
	return weight;
}

static bool is_about_devices(why_code code)
{
	switch (code) {
	case WHY_NO_FITTING_DEVICE:
	case WHY_PROFILE:
	case WHY_NUMA:
	case WHY_TOPOLOGY:
	case WHY_TOO_LARGE:
	case WHY_CLASS_RULE:
	case WHY_NO_SUCH_CLASS:
		return true;
	default:
		return false;
	}
}

static void explain_row(place *w, const attempt *at, const tally_row *row)
{
	blocker b = blocker_of(row->best.code);

	b.cluster = at->cluster;
	b.group = at->group;
	b.class_id = row->best.class_id;
	b.node = row->node;
	b.nodes = row->nodes;
	b.axis = row->best.axis;
	b.has_axis = is_about_devices(row->best.code);
	b.need = row->best.need;
	b.free = row->best.free;
	why_add(w->reasons, b);
}

static void explain_closed(place *w, const attempt *at)
{
	blocker b = blocker_of(WHY_CLUSTER_CLOSED);

	b.cluster = at->cluster;
	b.nodes = (int64_t)w->f->clusters.v[at->cluster].nodes.n;
	b.need = 1;
	why_add(w->reasons, b);
}

/* A cluster without nodes. */
static void explain_empty(place *w, const attempt *at)
{
	const ask_group *g = &w->a->groups[at->group];
	blocker b = blocker_of(g->n_entries ? WHY_NO_SUCH_CLASS : WHY_NODE_CPU_TOTAL);

	b.cluster = at->cluster;
	b.group = at->group;
	b.need = g->n_entries ? (int64_t)g->entries[0].count * SHARE_WHOLE_MILLI : g->cpu_milli;
	if (g->n_entries && g->entries[0].n_classes)
		b.class_id = g->entries[0].classes[0];
	why_add(w->reasons, b);
}

static void explain_cluster(place *w, const attempt *at)
{
	const tally *t = &at->misses;
	int32_t weight = heaviest(t);

	if (at->is_closed) {
		explain_closed(w, at);
		return;
	}
	if (w->f->clusters.v[at->cluster].nodes.n == 0)
		explain_empty(w, at);
	if (at->placed > 0) {
		blocker b = blocker_of(WHY_GANG_INCOMPLETE);
		b.cluster = at->cluster;
		b.group = at->group;
		b.need = minimum_of(w->a);
		b.free = at->placed;
		why_add(w->reasons, b);
	}
	for (int32_t i = 0; i < t->n; i++)
		if (weight_of(t->rows[i].best.code) == weight)
			explain_row(w, at, &t->rows[i]);
}

void place_explain(place *w)
{
	fit_need need;

	fit_prepare(&need, w->a, &w->a->groups[0], w->tables);
	for (uint32_t i = 0; i < w->attempts.n; i++) {
		attempt *at = &w->attempts.v[i];
		if (!at->is_tallied && !at->is_closed)
			place_tally(w, at, &need);
		explain_cluster(w, at);
	}
	if (w->attempts.n == 0) {
		blocker b = blocker_of(WHY_NO_SUCH_CLUSTER);
		b.need = 1;
		why_add(w->reasons, b);
	}
	assert(w->reasons->n > 0);
}
