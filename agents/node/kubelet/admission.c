#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/node/kubelet/kubelet_inside.h"
#include "agents/node/kubelet/message.h"
#include "base/clock.h"
#include "proto/deviceplugin.pb-c.h"

enum {
	ANSWER_BYTES_MAX = 4 << 20,
	AGAIN_FIRST_MS = 50, /* the kubelet answers so many lists a second and no more */
	AGAIN_LAST_MS = 400,
	WHY_BYTES = FAULT_DETAIL_MAX + 128,
	ADMISSION_ARENA_BYTES = 48 << 20,
	ADMISSIONS_MAX = 16,
};

typedef enum admission_kind { ADMISSION_PREFER, ADMISSION_ALLOCATE, ADMISSION_PRE_START } admission_kind;

/* One call, from its message to our answer. Nothing in it points to a pod: pods change while it waits. */
struct admission {
	kubelet *k;
	plugin *plugin;
	grpc_call *call;
	admission *next, *prev;
	admission_kind kind;
	arena *a; /* of the message */
	char **ids;
	uint32_t n;
	V1beta1__ContainerPreferredAllocationRequest *preference;
	int64_t began_us, until_us, again_ms;
	int64_t made_by_us; /* 0: nothing has to be made */
	grpc_ask *listing;
	loop_timer *again;
	char why[WHY_BYTES]; /* it is not answered yet */
};

static void admission_free(admission *m)
{
	m->next->prev = m->prev;
	m->prev->next = m->next;
	m->k->n_admissions--;
	if (m->k->admissions == m)
		m->k->admissions = m->next == m ? NULL : m->next;
	loop_timer_free(m->again);
	arena_end(m->a);
	free(m);
}

/* A list under way comes back all the same, and finds nobody. */
static void call_lost(admission *m)
{
	m->call = NULL;
	loop_timer_disarm(m->again);
	if (!m->listing)
		admission_free(m);
}

static void on_call_gone(void *arg, grpc_call *c)
{
	(void)c;
	call_lost(arg);
}

static void answer_message(admission *m, const ProtobufCMessage *message)
{
	buf out;

	buf_init(&out, ANSWER_BYTES_MAX);
	message_write(message, &out);
	grpc_answer(m->call, buf_str(&out));
	buf_done(&out);
	admission_free(m);
}

static void refuse(admission *m, local_pod *p, grpc_status status)
{
	if (p && m->kind == ADMISSION_ALLOCATE)
		p->is_given_up = true;
	m->k->c.on_refused(m->k->c.arg, p, str_from(m->plugin->resource), m->why);
	grpc_refuse(m->call, status, m->why);
	admission_free(m);
}

static void say_why(admission *m, const char *what, const char *why)
{
	(void)snprintf(m->why, sizeof(m->why), "%s%s%s", what, why[0] ? ": " : "", why);
}

/* Allocate. */

/* What a plan needs is being made, which takes longer than to know it. */
static bool may_make(admission *m)
{
	int64_t now_us = clock_mono_us();

	if (!m->made_by_us)
		m->made_by_us = now_us + (int64_t)KUBELET_MAKE_MS * 1000;
	return now_us < m->made_by_us;
}

static bool allocate_answer(admission *m, const claim *w, const plan_container *plan)
{
	AUTO_ARENA a = arena_new(0);
	const kubelet_giver *g = &m->k->c.giver;
	kubelet_wish wish = {w->pod, w->container, plan};
	kubelet_gift gift = {0};
	fault f = {0};
	buf out;

	err e = g->give(g->arg, &wish, a, &gift, &f);
	if (e)
		say_why(m, "the devices cannot be given", f.detail);
	if (e == ERR_UNAVAILABLE && may_make(m))
		return false;
	if (e) {
		refuse(m, w->pod, GRPC_INTERNAL);
		return true;
	}
	local_give(w->pod, w->container, str_from(m->plugin->resource), m->ids, m->n);
	buf_init(&out, ANSWER_BYTES_MAX);
	answer_write(&gift, str_from(m->plugin->resource), &out);
	grpc_answer(m->call, buf_str(&out));
	buf_done(&out);
	admission_free(m);
	return true;
}

static uint32_t shares_of(const plan_container *c, str resource)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < c->n; i++)
		n += str_eq(c->shares[i].resource, resource);
	return n;
}

/* The plan's entry that may be carried out, or NULL and why not. */
static const plan_container *plan_of(admission *m, const claim *w)
{
	str resource = str_from(m->plugin->resource);
	const plan_container *plan = local_plan_of(w->pod, w->container);

	if (!w->pod->has_plan) {
		say_why(m, w->pod->why, "");
		return NULL;
	}
	uint32_t n = plan ? shares_of(plan, resource) : 0;
	if (n == 0 || n > m->n) {
		say_why(m, "the pod's plan has another number of devices for this container", "");
		return NULL;
	}
	return plan;
}

static bool is_late(const admission *m)
{
	return clock_mono_us() >= m->until_us;
}

static bool allocate_try(admission *m, claim_verdict verdict, const claim *w)
{
	const plan_container *plan = NULL;

	if (verdict == CLAIM_ONE)
		plan = plan_of(m, w);
	else
		say_why(m, "it is not known whose these devices are", claim_text(verdict));
	if (plan)
		return allocate_answer(m, w, plan);
	if (is_late(m))
		refuse(m, verdict == CLAIM_ONE ? w->pod : NULL, GRPC_FAILED_PRECONDITION);
	else
		return false;
	return true;
}

/* GetPreferredAllocation: slots of the devices of the plan, as many of each as it has shares; then any. */

typedef struct choice {
	const V1beta1__ContainerPreferredAllocationRequest *q;
	char **taken;
	size_t n, want;
} choice;

static bool is_taken(const choice *c, const char *id)
{
	for (size_t i = 0; i < c->n; i++)
		if (strcmp(c->taken[i], id) == 0)
			return true;
	return false;
}

static void take(choice *c, char *id)
{
	if (c->n < c->want && !is_taken(c, id))
		c->taken[c->n++] = id;
}

static void take_of_device(choice *c, const slots *s, str uuid)
{
	for (size_t i = 0; i < c->q->n_available_device_ids; i++) {
		const slot_device *d = slots_find(s, str_from(c->q->available_device_ids[i]));
		if (!d || !str_eq(d->uuid, uuid) || is_taken(c, c->q->available_device_ids[i]))
			continue;
		take(c, c->q->available_device_ids[i]);
		return;
	}
}

static void prefer_answer(admission *m, const plan_container *plan)
{
	const V1beta1__ContainerPreferredAllocationRequest *q = m->preference;
	V1beta1__ContainerPreferredAllocationResponse one, *all[] = {&one};
	V1beta1__PreferredAllocationResponse r;
	choice c = {q, NULL, 0, m->n};

	c.taken = ARENA_ARRAY(m->a, char *, m->n + 1);
	for (size_t i = 0; i < q->n_must_include_device_ids; i++)
		take(&c, q->must_include_device_ids[i]);
	for (uint32_t i = 0; plan && i < plan->n; i++)
		if (str_eq(plan->shares[i].resource, str_from(m->plugin->resource)))
			take_of_device(&c, &m->plugin->slots, plan->shares[i].uuid);
	for (size_t i = 0; i < q->n_available_device_ids && c.n < c.want; i++)
		take(&c, q->available_device_ids[i]);
	v1beta1__container_preferred_allocation_response__init(&one);
	v1beta1__preferred_allocation_response__init(&r);
	one.device_ids = c.taken;
	one.n_device_ids = c.n;
	r.container_responses = all;
	r.n_container_responses = 1;
	answer_message(m, &r.base);
}

static bool prefer_try(admission *m, claim_verdict verdict, const claim *w)
{
	const plan_container *plan = verdict == CLAIM_ONE ? local_plan_of(w->pod, w->container) : NULL;

	if (!plan && !is_late(m))
		return false;
	prefer_answer(m, plan);
	return true;
}

/* PreStartContainer: before every start, also again after a restart of the container or the machine. */

static void pre_start_answer(admission *m)
{
	V1beta1__PreStartContainerResponse r;

	v1beta1__pre_start_container_response__init(&r);
	answer_message(m, &r.base);
}

static uint32_t container_named(const local_pod *p, str name)
{
	uint32_t i = 0;

	while (i < p->p.n_containers && !str_eq(p->p.containers[i].name, name))
		i++;
	return i;
}

static bool is_ours(const admission *m, const local_pod *p, uint32_t container)
{
	const kubelet_giver *g = &m->k->c.giver;
	str resource = str_from(m->plugin->resource);

	return local_given_find(p, container, resource) ||
	       (g->was_given && g->was_given(g->arg, p, container, resource));
}

static err give_again(const admission *m, local_pod *p, uint32_t container, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	const kubelet_giver *g = &m->k->c.giver;
	kubelet_wish wish = {p, container, local_plan_of(p, container)};
	kubelet_gift gift = {0};

	return wish.plan && is_ours(m, p, container) ? g->give(g->arg, &wish, a, &gift, f) : ERR_OK;
}

/* What the plan says is there again, should the machine have lost it; for all of the pod's containers, since those that
 * come first are not listed. */
static bool pre_start_give(admission *m, local_pod *p)
{
	fault f = {0};
	err e = ERR_OK;

	for (uint32_t i = 0; i < p->p.n_containers && !e; i++)
		e = give_again(m, p, i, &f);
	if (e == ERR_UNAVAILABLE && !is_late(m))
		return false;
	if (e) {
		say_why(m, "the devices cannot be given", f.detail);
		refuse(m, p, GRPC_UNAVAILABLE);
	} else {
		pre_start_answer(m);
	}
	return true;
}

/* An init container is not listed: its slots are, when a later container has them, and then it is of the same pod. */
static bool pre_start_try(admission *m, const V1__ListPodResourcesResponse *listed)
{
	const V1__PodResources *owner = NULL;
	const V1__ContainerResources *c = NULL;

	if (!claim_has(listed, str_from(m->plugin->resource), m->ids, m->n, &owner, &c)) {
		pre_start_answer(m);
		return true;
	}
	local_pod *p = local_pods_find(&m->k->pods, message_text(owner->namespace_), message_text(owner->name));
	uint32_t at = p ? container_named(p, message_text(c->name)) : 0;
	if (p && at < p->p.n_containers && is_ours(m, p, at))
		return pre_start_give(m, p);
	say_why(m, "these devices were not given to this container by this node", "");
	if (!is_late(m) && !p)
		return false;
	refuse(m, p, GRPC_FAILED_PRECONDITION);
	return true;
}

/* All three. */

static bool admission_try(admission *m, const V1__ListPodResourcesResponse *listed)
{
	const kubelet_giver *g = &m->k->c.giver;
	claim_question q = {&m->k->pods, listed, str_from(m->plugin->resource), m->n, g->was_given, g->arg,
		&m->k->strangers, m->began_us};
	claim w = {0};

	/* Whose advice is asked is asked for next, and must not count as older by then. */
	if (m->kind == ADMISSION_ALLOCATE)
		strangers_note(&m->k->strangers, listed, &m->k->pods, clock_mono_us());

	if (m->kind == ADMISSION_PRE_START)
		return pre_start_try(m, listed);
	claim_verdict verdict = claim_find(&q, &w);
	return m->kind == ADMISSION_PREFER ? prefer_try(m, verdict, &w) : allocate_try(m, verdict, &w);
}

static void again(admission *m)
{
	loop_timer_arm(m->again, m->again_ms * 1000);
	m->again_ms = m->again_ms * 2 < AGAIN_LAST_MS ? m->again_ms * 2 : AGAIN_LAST_MS;
}

/* The kubelet does not say what it has: an Allocate is refused in the end, advice is given all the same. */
static void unlisted(admission *m, str why)
{
	AUTO_ARENA a = arena_new(0);

	say_why(m, "the kubelet does not tell its pods", str_z(a, why));
	if (!is_late(m))
		again(m);
	else if (m->kind == ADMISSION_PREFER)
		prefer_answer(m, NULL);
	else
		refuse(m, NULL, GRPC_UNAVAILABLE);
}

static void on_listed(void *arg, const grpc_reply *r)
{
	admission *m = arg;
	AUTO_ARENA a = arena_new(ADMISSION_ARENA_BYTES);
	const V1__ListPodResourcesResponse *listed = NULL;

	m->listing = NULL;
	if (!m->call) {
		admission_free(m);
		return;
	}
	if (r->status == GRPC_OK)
		listed = message_read(&v1__list_pod_resources_response__descriptor, r->message, a);
	if (!listed)
		unlisted(m, r->status == GRPC_OK ? S("its answer cannot be read") : r->text);
	else if (!admission_try(m, listed))
		again(m);
}

static void on_again(void *arg)
{
	admission *m = arg;
	grpc_request q = {
		.path = "/v1.PodResourcesLister/List",
		.message = S(""),
		.timeout_us = (int64_t)KUBELET_LIST_MS * 1000,
		.message_max = KUBELET_LIST_MAX,
		.on_done = on_listed,
		.arg = m,
	};

	m->listing = grpc_send(m->k->lister, &q);
}

static admission *admission_new(plugin *p, grpc_call *c, admission_kind kind, arena *a)
{
	admission *m = calloc(1, sizeof(*m));
	int64_t wait_ms = p->k->c.wait_ms;

	assert(m);
	m->k = p->k;
	m->plugin = p;
	m->call = c;
	m->kind = kind;
	m->a = a;
	m->next = m->prev = m;
	if (m->k->admissions) {
		m->next = m->k->admissions;
		m->prev = m->next->prev;
		m->prev->next = m->next->prev = m;
	}
	m->k->admissions = m;
	m->k->n_admissions++;
	m->again_ms = AGAIN_FIRST_MS;
	if (kind == ADMISSION_PREFER && wait_ms > KUBELET_PREFER_MS)
		wait_ms = KUBELET_PREFER_MS;
	m->began_us = clock_mono_us();
	m->until_us = m->began_us + wait_ms * 1000;
	m->again = loop_timer_new(m->k->c.loop, on_again, m);
	grpc_call_on_gone(c, on_call_gone, m);
	return m;
}

/* The kubelet asks one thing at a time. */
static bool is_crowded(plugin *p, grpc_call *c)
{
	if (p->k->n_admissions < ADMISSIONS_MAX)
		return false;
	grpc_refuse(c, GRPC_RESOURCE_EXHAUSTED, "too many calls are waiting");
	return true;
}

static void refuse_form(grpc_call *c, arena *a)
{
	arena_end(a);
	grpc_refuse(c, GRPC_INVALID_ARGUMENT, "the request is not of the form that this plugin knows");
}

void admission_prefer(void *arg, grpc_call *c, str message)
{
	if (is_crowded(arg, c))
		return;
	arena *a = arena_new(ADMISSION_ARENA_BYTES);
	V1beta1__PreferredAllocationRequest *q =
		message_read(&v1beta1__preferred_allocation_request__descriptor, message, a);

	if (!q || q->n_container_requests != 1 || q->container_requests[0]->allocation_size < 0 ||
		(size_t)q->container_requests[0]->allocation_size > q->container_requests[0]->n_available_device_ids) {
		refuse_form(c, a);
		return;
	}
	admission *m = admission_new(arg, c, ADMISSION_PREFER, a);
	m->preference = q->container_requests[0];
	m->n = (uint32_t)m->preference->allocation_size;
	on_again(m);
}

static bool are_slots(const plugin *p, char *const *ids, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!slots_find(&p->slots, str_from(ids[i])))
			return false;
	return n > 0 && n <= SLOTS_MAX;
}

void admission_allocate(void *arg, grpc_call *c, str message)
{
	if (is_crowded(arg, c))
		return;
	arena *a = arena_new(ADMISSION_ARENA_BYTES);
	V1beta1__AllocateRequest *q = message_read(&v1beta1__allocate_request__descriptor, message, a);
	plugin *p = arg;

	if (!q || q->n_container_requests != 1 ||
		!are_slots(p, q->container_requests[0]->devices_ids, q->container_requests[0]->n_devices_ids)) {
		refuse_form(c, a);
		return;
	}
	admission *m = admission_new(p, c, ADMISSION_ALLOCATE, a);
	m->ids = q->container_requests[0]->devices_ids;
	m->n = (uint32_t)q->container_requests[0]->n_devices_ids;
	on_again(m);
}

void admission_pre_start(void *arg, grpc_call *c, str message)
{
	if (is_crowded(arg, c))
		return;
	arena *a = arena_new(ADMISSION_ARENA_BYTES);
	V1beta1__PreStartContainerRequest *q =
		message_read(&v1beta1__pre_start_container_request__descriptor, message, a);

	if (!q || q->n_devices_ids == 0 || q->n_devices_ids > SLOTS_MAX) {
		refuse_form(c, a);
		return;
	}
	admission *m = admission_new(arg, c, ADMISSION_PRE_START, a);
	m->ids = q->devices_ids;
	m->n = (uint32_t)q->n_devices_ids;
	on_again(m);
}

void admission_stir(kubelet *k)
{
	admission *m = k->admissions;

	if (!m)
		return;
	do {
		if (!m->listing && m->call)
			loop_timer_arm(m->again, 0);
		m = m->next;
	} while (m != k->admissions);
}

void admission_end(kubelet *k)
{
	uint32_t n = k->n_admissions;

	for (admission *m = k->admissions, *next; n > 0; n--, m = next) {
		next = m->next;
		if (m->call)
			grpc_call_on_gone(m->call, NULL, NULL);
		call_lost(m);
	}
}
