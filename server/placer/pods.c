#include "server/placer/pods.h"

#include <stdlib.h>

#include "base/heap.h"
#include "engine/fleet.h"
#include "json/write.h"
#include "server/placer/body.h"
#include "server/placer/decide.h"
#include "server/placer/load.h"

enum { REQUEST_BYTES_MAX = 64 << 10 };
#define PRIORITY_PREFIX "reeve-"

static bool is_id(str name)
{
	return str_starts(name, S("plc_")) && name.n > 4 && name.n < ID_MAX;
}

static void mark(turn *t, books *b, str name, int32_t tenant_key, bool is_lent)
{
	pod_mark *m = heap_new(1, sizeof *m + name.n);

	memcpy(m->id, name.p, name.n);
	m->at_us = t->now_us;
	map_put(&b->lents.pods, str_of(m->id, name.n), m);
	vec_push(&t->pods, ((turn_pod){str_dup(t->a, name), tenant_key, is_lent}));
	t->cannot_undo = true;
}

static const payer *payer_named(const books *b, str path)
{
	map_each (slot, &b->payers) {
		const payer *p = slot->value;
		if (!p->is_deleted && str_eq(p->path, path))
			return p;
	}
	return NULL;
}

/* New, of a tenant that is there. NULL: known, or not to be made sense of. */
static const payer *payer_of(const books *b, const report_item *item)
{
	if (!is_id(item->placement) || map_find(&b->lents.pods, item->placement) || books_booking(b, item->placement))
		return NULL;
	return payer_named(b, item->tenant);
}

/* What is not in the inventory any more is left out: the rest is real. */
static void plan_of(const books *b, const site *s, const js_list *placed, plan *p)
{
	const fleet *f = &b->fleet;
	const placed_pod *pods = placed->v;

	p->cluster = s->handle;
	for (uint32_t i = 0; i < placed->n; i++) {
		int32_t node = fleet_node_find(f, s->handle, pods[i].node);
		const placed_device *d = pods[i].devices.v;
		if (node == FLEET_NONE)
			continue;
		plan_add_pod(p, 0, (int32_t)pods[i].index, node, pods[i].cpu_milli, pods[i].memory_mib);
		for (uint32_t k = 0; k < pods[i].devices.n; k++) {
			int32_t device = fleet_device_find(f, s->handle, d[k].uuid);
			if (device == FLEET_NONE || f->devices.v[device].node != node)
				continue;
			plan_add_device(p, load_slice(f, device, &d[k]));
		}
	}
}

/* A pod names a PriorityClass of its cluster: ours of the same name, where there is one, with or without the `reeve-`
 * that the agent's chart puts before. Any other leaves it to the tenant's policy. */
static str priority_of(const books *b, str class)
{
	str bare = str_starts(class, S(PRIORITY_PREFIX)) ? str_cut(class, sizeof(PRIORITY_PREFIX) - 1, class.n) : class;

	if (class.n && books_rank(b, class))
		return class;
	return bare.n && books_rank(b, bare) ? bare : STR_NONE;
}

static void priority_set(const books *b, placement_request *q)
{
	const js_type *t = &placement_request_type;

	if (!js_given(t, q, "priority"))
		return;
	q->priority = priority_of(b, q->priority);
	for (uint32_t i = 0; !q->priority.n && i < t->n; i++)
		if (str_eq(str_of(t->fields[i].name, t->fields[i].name_n), S("priority")))
			q->given &= ~((uint64_t)1 << i);
}

static str request_of(turn *t, const books *b, const site *s, const payer *p, const report_item *item, str *ret_name)
{
	placement_request q;
	fault f;
	buf out;
	str only = s->name;

	if (js_read_output(&placement_request_type, item->request.json, t->a, &q, &f))
		return STR_NONE;
	priority_set(b, &q);
	q.tenant = p->path;
	q.clusters = (strs){&only, 1};
	js_give(&placement_request_type, &q, "tenant");
	js_give(&placement_request_type, &q, "clusters");
	*ret_name = q.name;
	buf_init(&out, REQUEST_BYTES_MAX);
	js_writer w = js_writer_on(&out);
	js_write(&w, &placement_request_type, &q);
	str text = out.over ? STR_NONE : str_dup(t->a, buf_str(&out));
	buf_done(&out);
	return text;
}

static bool placed_read(turn *t, const report_item *item, placement *ret)
{
	fault f;
	str json = str_print(t->a, "{\"placed\":" STR_FMT ",\"blockers\":[]}", STR_ARG(item->placed.json));

	return item->placed.json.n && !js_read_output(&placement_type, json, t->a, ret, &f);
}

/* In the books, accepted, holding nothing yet. */
static booking *booking_begin(turn *t, books *b, const payer *p, const report_item *item, const sql_inbox_next_row *row,
	str request, str actor)
{
	booking_birth birth = {.id = item->placement,
		.origin = S("pod"),
		.created_by = actor,
		.request = request,
		.tenant_key = p->key,
		.seq = row->seq,
		.created_at_us = item->at.us && item->at.us < t->now_us ? item->at.us : t->now_us};
	booking *k = booking_new(&birth);

	turn_add(t, b, k, actor);
	k->now.life = LIFE_ACCEPTED;
	k->now.granted_at_us = birth.created_at_us;
	return k;
}

void pods_admitted(turn *t, books *b, const site *s, const report_item *item, const sql_inbox_next_row *row, str actor)
{
	const payer *p = payer_of(b, item);
	int64_t incarnation, no;
	placement told;
	str name;

	str request = p ? request_of(t, b, s, p, item, &name) : STR_NONE;
	if (!request.n || !fence_parse(item->fence, &incarnation, &no) || !placed_read(t, item, &told))
		return;
	mark(t, b, item->placement, p->key, true);
	booking *k = booking_begin(t, b, p, item, row, request, actor);
	k->now.fence_incarnation = incarnation;
	k->now.fence_no = no;
	k->now.cluster_key = s->key;
	k->is_lent = true;
	plan_of(b, s, &told.placed, &k->held);
	group_ask only = {.name = S("main")};
	js_list groups = {&only, 1};
	turn_placed(t, k, body_placed(b, &k->held, &groups, t->a));
	place_take(&b->fleet, b->tree, p->handle, &k->held);
	turn_took(t, b, k);
	decide_terms(b, k);
	books_follow(b, k);
}

void pods_wanted(turn *t, books *b, const site *s, const report_item *item, const sql_inbox_next_row *row, str actor)
{
	const payer *p = payer_of(b, item);
	str name;

	str request = p ? request_of(t, b, s, p, item, &name) : STR_NONE;
	if (!request.n)
		return;
	mark(t, b, item->placement, p->key, false);
	sql_inbox_next_row pod = *row;
	pod.object_id = str_dup(t->a, item->placement);
	pod.tenant_key = p->key;
	pod.actor = actor;
	pod.body = request;
	pod.at = t->now_us;
	pod.is_known = false;
	decide_pod(t, b, &pod);
}

#define AGENT_ACTOR S("agent:")

int32_t pods_home(const books *b, const booking *k)
{
	if (!str_eq(k->origin, S("pod")) || !str_starts(k->created_by, AGENT_ACTOR))
		return 0;
	int32_t at = fleet_cluster_find(&b->fleet, str_cut(k->created_by, AGENT_ACTOR.n, k->created_by.n));
	const site *s = at == FLEET_NONE ? NULL : b->site_of.v[at];

	return s && !s->is_deleted ? s->key : 0;
}

void pods_withdrawn(turn *t, books *b, const site *s, const report_item *item, str actor)
{
	for (uint32_t i = 0; i < item->placements.n; i++) {
		booking *k = books_booking(b, item->placements.v[i]);
		if (k && k->now.life == LIFE_PENDING && pods_home(b, k) == s->key)
			decide_withdraw(t, b, k, S("its pod is gone"), actor);
	}
}

void pods_review(turn *t, books *b)
{
	if (t->now_us < b->lents.pruned_us + (int64_t)PODS_REVIEW_S * 1000000)
		return;
	b->lents.pruned_us = t->now_us;
	map_each (slot, &b->lents.pods) {
		const pod_mark *m = slot->value;
		if (m->at_us + (int64_t)PODS_KEPT_S * 1000000 < t->now_us && !books_booking(b, slot->key))
			vec_push(&t->pods_gone, str_dup(t->a, slot->key));
	}
	vec_each (gone, &t->pods_gone)
		free(map_remove(&b->lents.pods, *gone));
	t->cannot_undo |= t->pods_gone.n > 0;
}
