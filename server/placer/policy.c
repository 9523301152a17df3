#include "server/placer/policy.h"

#include <stdlib.h>
#include <string.h>

#include "api/types/policy.h"
#include "base/heap.h"
#include "engine/score.h"
#include "server/placer/govern.h"
#include "server/placer/lend.h"

void policy_free(policy_terms *t)
{
	if (t) {
		free((char *)t->priority.p);
		free((char *)t->cluster_policy.p);
	}
	free(t);
}

static void leases_read(policy_terms *t, const policy_sharing *how)
{
	t->lease_percent = how->lease_percent;
	if (!how->lease_mode.n || !lease_mode_find(how->lease_mode.p, how->lease_mode.n, &t->lease_mode))
		t->lease_mode = LEASE_HOLD;
	t->lease_offline_s = how->lease_offline_s;
	if (!t->lease_offline_s)
		t->lease_offline_s = t->lease_mode == LEASE_HOLD ? LEND_OFFLINE_S : LEND_OFFLINE_SHORT_S;
}

static void loss_read(policy_terms *t, const policy_sharing *how)
{
	for (int i = 0; placement_when_lost[i]; i++)
		if (str_eq(how->when_lost, str_from(placement_when_lost[i])))
			t->when_lost = placement_when_lost[i];
	t->lost_after_s = how->lost_after_s;
}

/* Their names outlive what was read. */
static void weights_read(policy_terms *t, const js_list *list)
{
	const policy_weight *w = list->v;

	for (uint32_t i = 0; i < list->n && t->n_weights < ASK_WEIGHTS_MAX; i++) {
		ask_policy p = score_policy_named(w[i].policy);
		if (p != POLICY_COUNT)
			t->weights[t->n_weights++] = (policy_weight){str_from(score_policies[p].name), w[i].weight};
	}
}

policy_terms *policy_read(str placing, str sharing)
{
	AUTO_ARENA a = arena_new(0);
	policy_placement where;
	policy_sharing how;
	fault f;

	if (js_read_output(&policy_placement_type, placing, a, &where, &f) ||
		js_read_output(&policy_sharing_type, sharing, a, &how, &f))
		return NULL;
	policy_terms *t = heap_new(1, sizeof *t);
	t->node_policy = score_policy_named(where.node_policy);
	t->device_policy = score_policy_named(where.device_policy);
	weights_read(t, &where.node_weights);
	booking_text_set(&t->cluster_policy, &STR_NONE, where.cluster_policy);
	t->says_preemptible = js_given(&policy_sharing_type, &how, "preemptible");
	t->is_preemptible = how.preemptible;
	booking_text_set(&t->priority, &STR_NONE, how.priority);
	leases_read(t, &how);
	loss_read(t, &how);
	return t;
}

static bool weighs_the_same(const policy_terms *x, const policy_terms *y)
{
	bool is_same = x->n_weights == y->n_weights;

	for (int32_t i = 0; is_same && i < x->n_weights; i++)
		is_same = str_eq(x->weights[i].policy, y->weights[i].policy) &&
			  x->weights[i].weight == y->weights[i].weight;
	return is_same;
}

static bool is_same(const policy_terms *x, const policy_terms *y)
{
	return x && y && x->node_policy == y->node_policy && x->device_policy == y->device_policy &&
	       weighs_the_same(x, y) && x->says_preemptible == y->says_preemptible &&
	       x->is_preemptible == y->is_preemptible && str_eq(x->priority, y->priority) &&
	       x->when_lost == y->when_lost && x->lost_after_s == y->lost_after_s;
}

static void payer_put(payer *p, policy_terms *now)
{
	if (now)
		now->is_new = !is_same(p->policy, now);
	policy_free(p->policy);
	p->policy = now;
}

/* A policy is never taken away from a tenant, it is followed by another. */
void govern_policies(books *b, const sql_load_policies_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		payer *p = books_payer(b, (int32_t)rows[i].tenant_key);
		if (p)
			payer_put(p, policy_read(rows[i].placement, rows[i].sharing));
	}
	b->lents.is_on = true;
	govern_line_up(b);
	map_each (slot, &b->payers) {
		const payer *p = slot->value;
		if (p->policy)
			p->policy->is_new = false;
	}
	change_all(&b->changes);
}

const policy_terms *policy_at(const books *b, int32_t tenant_key)
{
	const payer *p = books_payer(b, tenant_key);

	while (p && !p->policy)
		p = p->wanted_parent_key ? books_payer(b, p->wanted_parent_key) : NULL;
	return p ? p->policy : NULL;
}

bool policy_has_moved(const books *b, int32_t tenant_key)
{
	const policy_terms *t = policy_at(b, tenant_key);

	return t && t->is_new;
}

void policy_complete(const books *b, int32_t tenant_key, placement_request *q)
{
	const policy_terms *t = policy_at(b, tenant_key);

	if (!t)
		return;
	bool leaves_nodes = !q->node_policy.n && !q->node_weights.n;
	if (leaves_nodes && t->node_policy != POLICY_COUNT)
		q->node_policy = str_from(score_policies[t->node_policy].name);
	if (leaves_nodes)
		q->node_weights = (js_list){(void *)(uintptr_t)t->weights, (uint32_t)t->n_weights};
	if (!q->device_policy.n && t->device_policy != POLICY_COUNT)
		q->device_policy = str_from(score_policies[t->device_policy].name);
	if (!q->cluster_policy.n)
		q->cluster_policy = t->cluster_policy;
	if (!q->priority.n)
		q->priority = t->priority;
	if (!q->when_lost.n && t->when_lost)
		q->when_lost = str_from(t->when_lost);
	if (!q->lost_after_s)
		q->lost_after_s = t->lost_after_s;
	if (t->says_preemptible && !js_given(&placement_request_type, q, "preemptible")) {
		q->preemptible = t->is_preemptible;
		js_give(&placement_request_type, q, "preemptible");
	}
}
