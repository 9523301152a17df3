#include "agents/scheduling/pod_ask.h"

#define KEY_NODE_POLICY   "hami.io/node-scheduler-policy"
#define KEY_DEVICE_POLICY "hami.io/gpu-scheduler-policy"
#define KEY_WEIGHTS       "hami.io/device-scoring-weights"
#define KEY_NUMA_BIND     "nvidia.com/numa-bind"

enum { CHAIN_MAX = 4, WEIGHTS = 3 };

/* A list of names between commas, absent when there are none. */
static strs names_of(str list, arena *a)
{
	strs all = {NULL, 0};
	uint32_t n = 1;

	for (uint32_t i = 0; i < list.n; i++)
		n += list.p[i] == ',';
	all.v = ARENA_ARRAY(a, str, n);
	while (list.p) {
		str one = str_trim(str_split(&list, ','));
		if (one.n)
			all.v[all.n++] = one;
	}
	return all;
}

static strs chosen(const pod *p, const char *key, const char *also, arena *a)
{
	str list = key ? pod_annotation(p, key) : STR_NONE;

	if (!list.n && also)
		list = pod_annotation(p, also);
	return names_of(list, a);
}

static bool has_any_part(str product, const strs *parts)
{
	for (uint32_t i = 0; i < parts->n; i++)
		if (vendor_has_part(product, parts->v[i]))
			return true;
	return false;
}

static void classes_fill(const pod *p, const stock *s, arena *a, int32_t at, pod_ask *ret)
{
	const vendor *k = ret->kinds[at];
	ask_entry *e = &ret->entries[at];
	stock_classes all = stock_classes_of(s, k);
	strs use = chosen(p, k->select.use_type, NULL, a), no = chosen(p, k->select.no_type, NULL, a);

	e->classes = ret->classes[at];
	e->classes_equal = true;
	for (uint32_t i = 0; i < all.n && e->n_classes < ASK_CLASSES_MAX; i++)
		if ((!use.n || has_any_part(all.products[i], &use)) && !has_any_part(all.products[i], &no))
			ret->classes[at][e->n_classes++] = all.v[i];
	/* Devices that their plugin cuts by itself take no work of ours (stock.c), so nobody serves who wants those. */
	if (!e->n_classes || (k->select.mode && str_eq(pod_annotation(p, k->select.mode), S("mig"))))
		ret->missing = k;
	e->uuids = chosen(p, k->select.use_uuid, k->select.use_uuid_also, a);
	e->uuids_excluded = chosen(p, k->select.no_uuid, k->select.no_uuid_also, a);
}

static const want *sized_want(const pod_ask *q, int32_t entry)
{
	for (uint32_t i = 0; i < q->wants.n; i++)
		if (q->entry_of[i] == entry && q->wants.v[i].w.size)
			return &q->wants.v[i].w;
	return NULL;
}

/* A number of slices is as much of a device as it has of them; devices of a class are alike. */
static void size_fill(const stock *s, pod_ask *q, int32_t at)
{
	const fleet *f = stock_fleet((stock *)(uintptr_t)s);
	const want *w = sized_want(q, at);
	ask_entry *e = &q->entries[at];

	for (uint32_t i = 0; w && e->n_classes && i < f->devices.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		if (d->node == FLEET_NONE || d->class_id != e->classes[0])
			continue;
		bool fits = w->size <= d->slots;
		e->memory_mib = fits ? d->memory_mib * w->size / d->slots : FLEET_AMOUNT_MAX;
		e->compute_milli = fits ? 1000 * w->size / d->slots : 1000;
		return;
	}
}

static int32_t compute_of(const want *w)
{
	return w->compute_milli == VENDOR_ABSENT ? ASK_ABSENT : w->compute_milli;
}

static bool is_whole(const ask_entry *e)
{
	return !e->memory_mib && (e->memory_percent == 0 || e->memory_percent == 100);
}

/* The larger of what stands in the entry and of w. An amount and a part of an unknown whole are a whole together. */
static void entry_grow(ask_entry *e, const want *w)
{
	bool was_whole = is_whole(e);
	bool is_mixed = (e->memory_mib > 0) != (w->memory_mib > 0);
	int32_t compute = compute_of(w);

	e->count = w->count > e->count ? w->count : e->count;
	e->memory_mib = is_mixed || was_whole ? 0 : w->memory_mib > e->memory_mib ? w->memory_mib : e->memory_mib;
	e->memory_percent = is_mixed || was_whole || !w->memory_percent ? 0
			    : w->memory_percent > e->memory_percent     ? w->memory_percent
									: e->memory_percent;
	if (e->compute_milli != ASK_ABSENT && (compute == ASK_ABSENT || compute > e->compute_milli))
		e->compute_milli = compute;
}

static bool entry_add(pod_ask *ret, uint32_t want_at)
{
	const want *w = &ret->wants.v[want_at].w;

	if (ret->n == ASK_ENTRIES_MAX || w->count > ASK_COUNT_MAX)
		return false;
	ret->kinds[ret->n] = w->kind;
	ret->entries[ret->n] = (ask_entry){
		.count = w->count,
		.memory_mib = w->memory_mib,
		.memory_percent = w->memory_mib ? 0 : w->memory_percent,
		.compute_milli = compute_of(w),
	};
	ret->entry_of[want_at] = (uint8_t)ret->n++;
	return true;
}

/* An entry of the kind that no earlier want of the same init container has. */
static int32_t entry_for_init(const pod_ask *ret, uint32_t want_at)
{
	const pod_want *w = &ret->wants.v[want_at];

	for (int32_t e = 0; e < ret->n; e++) {
		bool is_taken = ret->kinds[e] != w->w.kind;
		for (uint32_t i = want_at; !is_taken && i-- > 0 && ret->wants.v[i].container == w->container;)
			is_taken = ret->entry_of[i] == e;
		if (!is_taken)
			return e;
	}
	return -1;
}

static bool runs_before(const pod *p, const pod_want *w)
{
	return p->containers[w->container].is_init && !p->containers[w->container].is_sidecar;
}

static err entries_fill(const pod *p, pod_ask *ret, fault *f)
{
	bool fits = true;

	for (uint32_t i = 0; i < ret->wants.n; i++)
		if (!runs_before(p, &ret->wants.v[i]))
			fits = fits && entry_add(ret, i);
	for (uint32_t i = 0; i < ret->wants.n; i++) {
		if (!runs_before(p, &ret->wants.v[i]))
			continue;
		int32_t e = entry_for_init(ret, i);
		ret->entry_of[i] = (uint8_t)(e < 0 ? 0 : e);
		if (e < 0)
			fits = fits && entry_add(ret, i);
		else
			entry_grow(&ret->entries[e], &ret->wants.v[i].w);
	}
	return fits ? ERR_OK
		    : fault_set(f, ERR_LIMIT, NULL, "more than %d containers ask for devices, or one for more than %d",
			      ASK_ENTRIES_MAX, ASK_COUNT_MAX);
}

static ask_hami_key key_named(str name)
{
	static const char *const names[] = {NULL, "binpack", "spread", "numa", "mutex", "topology-aware"};

	for (int i = HAMI_BINPACK; i <= HAMI_TOPOLOGY; i++)
		if (str_eq(name, str_from(names[i])))
			return (ask_hami_key)i;
	return 0;
}

/* Words that are none of HAMi's are passed over, as it does. */
static void device_policy_read(const pod *p, arena *a, ask *q)
{
	strs chain = names_of(pod_annotation(p, KEY_DEVICE_POLICY), a);
	uint32_t n = 0;

	for (uint32_t i = 0; i < chain.n && n < CHAIN_MAX; i++)
		if (key_named(chain.v[i]))
			q->hami.chain[n++] = (uint8_t)key_named(chain.v[i]);
	if (n == 1 && q->hami.chain[0] == HAMI_BINPACK)
		q->device_policy = POLICY_HAMI_BINPACK;
	else if (n == 1 && q->hami.chain[0] == HAMI_SPREAD)
		q->device_policy = POLICY_HAMI_SPREAD;
	else if (n)
		q->device_policy = POLICY_HAMI_CHAIN;
}

static void node_policy_read(const pod *p, ask *q)
{
	str word = pod_annotation(p, KEY_NODE_POLICY);

	if (str_eq(word, S("binpack")))
		q->node_policy = POLICY_HAMI_BINPACK;
	else if (str_eq(word, S("spread")))
		q->node_policy = POLICY_HAMI_SPREAD;
}

/* "slot=1,core=1,memory=3": each once, none below 0, not all 0. */
static err weights_read(const pod *p, ask *q, fault *f)
{
	static const char *const names[WEIGHTS] = {"slot", "core", "memory"};
	str list = pod_annotation(p, KEY_WEIGHTS);
	bool seen[WEIGHTS] = {false};
	bool is_fine = true;
	int64_t sum = 0;

	if (!list.p)
		return ERR_OK;
	for (str rest = list; rest.p && is_fine;) {
		str one = str_split(&rest, ',');
		str name = str_trim(str_split(&one, '='));
		int64_t v = -1;
		int at = 0;
		while (at < WEIGHTS && !str_eq(name, str_from(names[at])))
			at++;
		is_fine = at < WEIGHTS && !seen[at] && one.p && str_to_i64(str_trim(one), &v) && v >= 0 &&
			  v <= ASK_WEIGHT_MAX;
		if (!is_fine)
			break;
		seen[at] = true;
		q->hami.weights[at] = (uint16_t)v;
		sum += v;
	}
	if (is_fine && seen[0] && seen[1] && seen[2] && sum > 0)
		return ERR_OK;
	return fault_set(f, ERR_BAD_FIELD, KEY_WEIGHTS, "%s is not of the form slot=1,core=1,memory=1: " STR_FMT,
		KEY_WEIGHTS, STR_ARG(str_cut(list, 0, 64)));
}

err pod_ask_read(const pod *p, const stock *s, pod_policies by_default, arena *a, pod_ask *ret, fault *f)
{
	ret->n = 0;
	ret->missing = NULL;
	ret->a = (ask){.node_policy = by_default.node, .device_policy = by_default.device, .n_groups = 1};
	ret->group = (ask_group){.replicas = 1, .min_replicas = 1};
	err e = pod_wants_read(p, &ret->wants, f);
	if (!e)
		e = entries_fill(p, ret, f);
	if (!e)
		e = weights_read(p, &ret->a, f);
	if (e)
		return e;
	for (int32_t i = 0; i < ret->n; i++) {
		classes_fill(p, s, a, i, ret);
		size_fill(s, ret, i);
		ret->entries[i].numa_bind = str_eq(pod_annotation(p, KEY_NUMA_BIND), S("true"));
	}
	device_policy_read(p, a, &ret->a);
	node_policy_read(p, &ret->a);
	ret->a.priority = (int32_t)p->priority;
	ret->group.entries = ret->entries;
	ret->group.n_entries = ret->n;
	ret->a.groups = &ret->group;
	return ERR_OK;
}

static int64_t kind_memory(const pod_ask *q, const vendor *kind, const score_slice *slices, int32_t n)
{
	int64_t sum = 0;

	for (int32_t i = 0; i < n; i++)
		sum += q->kinds[slices[i].entry] == kind ? slices[i].memory_mib : 0;
	return sum;
}

bool pod_ask_within(const pod_ask *q, const score_slice *slices, int32_t n)
{
	for (int32_t i = 0; i < q->n; i++)
		if (q->entries[i].memory_mib_most &&
			kind_memory(q, q->kinds[i], slices, n) > q->entries[i].memory_mib_most)
			return false;
	return true;
}
