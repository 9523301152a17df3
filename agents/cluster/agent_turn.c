#include "agents/cluster/agent_inside.h"
#include "agents/cluster/apply.h"

static void phase_heard(void *arg, const cluster_pods *p)
{
	agent_visit *v = arg;

	deed d = apply_phase(&v->a->book, p);
	if (d.kind == DEED_TELL) {
		agent_tell(v->a, d.h);
		if (!d.h->is_booked)
			agent_over(v->a, d.h);
	}
	if (cluster_is_over(p->phase))
		agent_drop_later(v->a, p, v->now_us);
}

static void pod_heard(void *arg, const cluster_pod *p)
{
	agent_visit *v = arg;

	pods_came(v->a, p);
}

static void pod_lost(void *arg, str name)
{
	agent_visit *v = arg;

	pods_left(v->a, name);
}

static void node_heard(void *arg, const report_node *n)
{
	agent_visit *v = arg;
	js_list one = {(void *)(uintptr_t)n, 1};

	book_node_put(&v->a->book, n);
	outbox_inventory(&v->a->outbox, &one, false);
	v->a->is_stirred = true;
}

static void node_lost(void *arg, str name)
{
	agent_visit *v = arg;

	book_node_gone(&v->a->book, name);
	outbox_gone(&v->a->outbox, name);
}

static void usage_heard(void *arg, const cluster_usage *u)
{
	agent_visit *v = arg;

	outbox_usage(&v->a->outbox, u);
}

err agent_turn(agent *a, int64_t now_us, int64_t *ret_next_us, fault *f)
{
	agent_visit v = {a, now_us};
	cluster_events e = {.on_phase = phase_heard,
		.on_usage = usage_heard,
		.on_pod = pod_heard,
		.on_pod_gone = pod_lost,
		.on_node = node_heard,
		.on_node_gone = node_lost,
		.arg = &v};

	a->turned_us = now_us;
	int64_t next_us = a->cluster.can->turn(a->cluster.self, &e, now_us);
	int64_t speaks_us = pods_watch(a, now_us);
	err wrong = pods_admit(a, now_us, f);
	if (wrong)
		return wrong;
	if (a->outbox.is_over)
		agent_session(a, now_us);
	fence_look(a, now_us);
	if (a->wants_flush || (a->drops.n && a->remember_us <= now_us)) {
		err io = agent_flush(a, f);
		if (io)
			return io;
	}
	if (a->drops.n && a->remember_us < next_us)
		next_us = a->remember_us;
	if (speaks_us < next_us)
		next_us = speaks_us;
	*ret_next_us = next_us;
	return ERR_OK;
}
