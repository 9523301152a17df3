#include "agents/node/kubelet/claim.h"
#include "agents/node/kubelet/message.h"

static bool has_devices(const V1__ContainerResources *c, str resource)
{
	for (size_t i = 0; i < c->n_devices; i++)
		if (str_eq(message_text(c->devices[i]->resource_name), resource) && c->devices[i]->n_device_ids)
			return true;
	return false;
}

static const V1__ContainerResources *listed_container(const V1__PodResources *p, str name)
{
	for (size_t i = 0; i < p->n_containers; i++)
		if (str_eq(message_text(p->containers[i]->name), name))
			return p->containers[i];
	return NULL;
}

typedef struct asker {
	const claim_question *q;
	const V1__PodResources *listed;
	local_pod *pod;
} asker;

/* What the kubelet has recorded, as far as it lists it. */
static bool is_recorded(const asker *k, uint32_t at)
{
	const V1__ContainerResources *c = listed_container(k->listed, k->pod->p.containers[at].name);

	return c && has_devices(c, k->q->resource);
}

static bool is_given(const asker *k, uint32_t at)
{
	if (local_given_find(k->pod, at, k->q->resource))
		return true;
	/* What is on disk does not say of which resource it is; one of this process is for another. */
	for (uint32_t i = 0; i < k->pod->given.n; i++)
		if (k->pod->given.v[i].container == at)
			return false;
	return k->q->was_given && k->q->was_given(k->q->arg, k->pod, at, k->q->resource);
}

/* The kubelet records what it was given before it asks for anything else: a container that got devices and is listed
 * without them belongs to a pod that it has given up. */
static bool was_given_up(const asker *k)
{
	if (k->pod->is_given_up || pod_is_over(&k->pod->p))
		return true;
	for (uint32_t i = 0; i < k->pod->p.n_containers; i++) {
		const pod_container *c = &k->pod->p.containers[i];
		bool is_listed = listed_container(k->listed, c->name) != NULL;
		if (local_given_find(k->pod, i, k->q->resource) && is_listed && !is_recorded(k, i))
			return true;
	}
	return false;
}

/* The first container that still lacks devices; false: none does. */
static bool next_find(const asker *k, uint32_t *ret)
{
	bool is_past_init = false;

	for (uint32_t i = 0; i < k->pod->p.n_containers; i++)
		is_past_init |= !k->pod->p.containers[i].is_init && is_recorded(k, i);
	for (uint32_t i = 0; i < k->pod->p.n_containers; i++) {
		const pod_container *c = &k->pod->p.containers[i];
		if (local_count(c, k->q->resource) == 0 || (c->is_init && is_past_init))
			continue;
		if (!is_recorded(k, i) && !is_given(k, i)) {
			*ret = i;
			return true;
		}
	}
	return false;
}

static bool is_begun(const local_pod *p)
{
	return !str_eq(p->p.phase, S("Pending")) && p->p.phase.n > 0;
}

claim_verdict claim_find(const claim_question *q, claim *ret)
{
	uint32_t n = 0;
	bool is_strange = false;

	for (size_t i = 0; i < q->listed->n_pod_resources; i++) {
		const V1__PodResources *p = q->listed->pod_resources[i];
		asker k = {q, p, local_pods_find(q->pods, message_text(p->namespace_), message_text(p->name))};
		uint32_t next;
		if (!k.pod) {
			is_strange |= !strangers_was_before(
				q->strangers, message_text(p->namespace_), message_text(p->name), q->began_us);
			continue;
		}
		if (is_begun(k.pod) || was_given_up(&k) || !next_find(&k, &next))
			continue;
		if (q->n && local_count(&k.pod->p.containers[next], q->resource) != q->n)
			continue;
		*ret = (claim){k.pod, next};
		n++;
	}
	if (is_strange)
		return CLAIM_STRANGE;
	return n == 1 ? CLAIM_ONE : n ? CLAIM_SEVERAL : CLAIM_NONE;
}

const char *claim_text(claim_verdict v)
{
	switch (v) {
	case CLAIM_ONE:
		return "one pod asks for it";
	case CLAIM_NONE:
		return "no pod of this node lacks so many devices";
	case CLAIM_STRANGE:
		return "the kubelet has a pod that the API server has not told yet";
	case CLAIM_SEVERAL:
		return "more than one pod lacks so many devices";
	}
	return "";
}

static bool is_among(const V1__ContainerResources *c, str resource, const char *id)
{
	for (size_t i = 0; i < c->n_devices; i++) {
		const V1__ContainerDevices *d = c->devices[i];
		for (size_t j = 0; j < d->n_device_ids && str_eq(message_text(d->resource_name), resource); j++)
			if (strcmp(d->device_ids[j], id) == 0)
				return true;
	}
	return false;
}

static bool has_these(const V1__ContainerResources *c, str resource, char *const *ids, uint32_t n)
{
	size_t all = 0;

	for (size_t i = 0; i < c->n_devices; i++)
		if (str_eq(message_text(c->devices[i]->resource_name), resource))
			all += c->devices[i]->n_device_ids;
	if (all != n)
		return false;
	for (uint32_t i = 0; i < n; i++)
		if (!is_among(c, resource, ids[i]))
			return false;
	return true;
}

bool claim_has(const V1__ListPodResourcesResponse *listed, str resource, char *const *ids, uint32_t n,
	const V1__PodResources **ret_pod, const V1__ContainerResources **ret_container)
{
	for (size_t i = 0; i < listed->n_pod_resources; i++) {
		const V1__PodResources *p = listed->pod_resources[i];
		for (size_t j = 0; j < p->n_containers; j++) {
			if (!has_these(p->containers[j], resource, ids, n))
				continue;
			*ret_pod = p;
			*ret_container = p->containers[j];
			return true;
		}
	}
	return false;
}
