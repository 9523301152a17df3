#include "agents/scheduling/extender/args.h"
#include "agents/kube/fields.h"

enum { RUN_MAX = 512 }; /* names that are looked up together */

static err refuse(fault *f, const pull *p)
{
	return fault_set(f, ERR_BAD_FIELD, NULL, "the request cannot be read at byte %u", (unsigned)(p->at - p->begin));
}

void args_room_done(args_room *r)
{
	vec_done(&r->nodes);
	vec_done(&r->objects);
}

/* What is so of all names, with one more at their end. */
static void node_note(args_room *all, const args_node *n)
{
	const args_node *before = all->nodes.n ? &all->nodes.v[all->nodes.n - 1] : NULL;

	all->is_raw = all->is_raw && n->is_raw;
	all->is_tight = all->is_tight && (!before || n->name.p == before->name.p + before->name.n + NODE_INDEX_BETWEEN);
	all->is_sorted = all->is_sorted && (!before || before->rank <= n->rank);
	all->names_bytes += n->name.n + NODE_INDEX_BETWEEN;
}

static err node_add(args_room *all, stock *s, str name, bool is_raw)
{
	if (all->nodes.n == ARGS_NODES_MAX)
		return ERR_LIMIT;
	const node_index_row *row = stock_node_row(s, name);
	args_node one = {.name = name, .node = row ? row->node : FLEET_NONE, .is_raw = is_raw};
	one.rank = row ? row->rank & INT32_MAX : all->nodes.n ? all->nodes.v[all->nodes.n - 1].rank : 0;
	node_note(all, &one);
	vec_push(&all->nodes, one);
	return ERR_OK;
}

/* The names that come next as the stock has them; false when the next does not. */
static bool run_read(pull *p, stock *s, args_room *all)
{
	const node_index_row *rows[RUN_MAX];
	str list = pull_plain_rest(p);
	uint32_t most = ARGS_NODES_MAX - all->nodes.n;
	uint32_t n = list.p ? stock_node_run(s, list, most < RUN_MAX ? most : RUN_MAX, rows) : 0;

	if (!n)
		return false;
	vec_reserve(&all->nodes, all->nodes.n + n);
	args_node *to = all->nodes.v + all->nodes.n;
	const char *at = list.p + 1;
	for (uint32_t i = 0; i < n; at += rows[i++]->n + NODE_INDEX_BETWEEN) {
		to[i] = (args_node){{at, rows[i]->n}, rows[i]->node, rows[i]->rank & INT32_MAX, true};
		all->is_sorted = all->is_sorted && (!i || to[i - 1].rank <= to[i].rank);
	}
	node_note(all, to);
	all->nodes.n += n;
	all->names_bytes += (size_t)(at - to->name.p) - to->name.n - NODE_INDEX_BETWEEN;
	pull_plain_take(p, (uint32_t)(at - list.p) - 2);
	return true;
}

static err names_read(pull *p, arena *a, stock *s, args_room *all)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e) {
		str name = STR_NONE;
		if (run_read(p, s, all))
			continue;
		bool is_raw = pull_plain_item(p, &name);
		if (!is_raw && !pull_item(p))
			break;
		e = is_raw ? ERR_OK : fields_text(p, a, &name);
		if (!e)
			e = node_add(all, s, name, is_raw);
	}
	return e ? e : p->e;
}

static err items_read(pull *p, stock *s, args_room *all)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		object_meta m;
		str object;
		e = pull_span(p, &object);
		if (!e)
			e = object_draft_read(object, &m); /* an autoscaler's is stored nowhere */
		if (!e)
			e = m.name.n ? node_add(all, s, m.name, false) : ERR_BAD_FIELD;
		if (!e)
			vec_push(&all->objects, object);
	}
	return e ? e : p->e;
}

static err nodes_read(pull *p, stock *s, args_room *all, bool *ret_is_whole)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	*ret_is_whole = true;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("items")) ? items_read(p, s, all) : pull_skip(p);
	return e ? e : p->e;
}

static err args_walk(pull *p, arena *a, stock *s, extender_args *ret, args_room *all)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("Pod")))
			e = pull_span(p, &ret->pod);
		else if (str_eq(key, S("Nodes")))
			e = nodes_read(p, s, all, &ret->is_whole);
		else if (str_eq(key, S("NodeNames")))
			e = names_read(p, a, s, all);
		else
			e = pull_skip(p);
	}
	return e ? e : pull_finish(p);
}

static void room_tell(const args_room *room, extender_args *ret)
{
	ret->nodes = room->nodes.v;
	ret->objects = ret->is_whole ? room->objects.v : NULL;
	ret->n = room->nodes.n;
	ret->names_bytes = room->names_bytes;
	ret->is_raw = room->is_raw;
	ret->is_tight = room->is_tight;
	ret->is_sorted = room->is_sorted;
}

err extender_args_read(str body, arena *a, stock *s, args_room *room, extender_args *ret, fault *f)
{
	pull p;

	*ret = (extender_args){.pod = STR_NONE};
	vec_clear(&room->nodes);
	vec_clear(&room->objects);
	room->names_bytes = 0;
	room->is_raw = room->is_tight = room->is_sorted = true;
	pull_init(&p, body, PULL_DEPTH_CAP);
	err e = args_walk(&p, a, s, ret, room);
	/* Nodes that came in both forms are none of kube-scheduler's. */
	if (!e && ret->is_whole && room->objects.n != room->nodes.n)
		e = ERR_BAD_FIELD;
	room_tell(room, ret);
	if (e)
		return refuse(f, &p);
	if (!ret->pod.n || ret->pod.p[0] != '{')
		return fault_set(f, ERR_BAD_FIELD, "#/Pod", "extender args missing pod");
	return ERR_OK;
}

err binding_args_read(str body, arena *a, binding_args *ret, fault *f)
{
	str key;
	bool has_escape;
	pull p;
	err e;

	*ret = (binding_args){.pod = STR_NONE};
	pull_init(&p, body, OBJECT_DEPTH_MAX);
	if (!fields_object(&p, &e))
		return refuse(f, &p);
	while (!e && pull_key(&p, &key, &has_escape)) {
		str *const to = str_eq(key, S("PodName"))        ? &ret->pod
				: str_eq(key, S("PodNamespace")) ? &ret->space
				: str_eq(key, S("PodUID"))       ? &ret->uid
				: str_eq(key, S("Node"))         ? &ret->node
								 : NULL;
		e = to ? fields_text(&p, a, to) : pull_skip(&p);
	}
	if (!e)
		e = pull_finish(&p);
	if (e || !ret->pod.n || !ret->space.n || !ret->uid.n || !ret->node.n)
		return e ? refuse(f, &p) : fault_set(f, ERR_BAD_FIELD, NULL, "the binding names no pod, uid or node");
	if (!object_is_name(ret->pod, OBJECT_NAME_MAX) || !object_is_name(ret->space, OBJECT_SPACE_MAX) ||
		!object_is_name(ret->node, OBJECT_NAME_MAX) || ret->uid.n > OBJECT_UID_MAX)
		return fault_set(f, ERR_BAD_FIELD, NULL, "the binding has a name that is none");
	return ERR_OK;
}

typedef vec(str) text_vec;

/* A victim is {"UID": ...}, or a whole pod. */
static err victim_read(pull *p, arena *a, bool is_whole, text_vec *all)
{
	str key, uid = STR_NONE, object;
	bool has_escape;
	object_meta m;
	err e;

	if (is_whole) {
		e = pull_span(p, &object);
		if (!e)
			e = object_meta_read(object, &m);
		if (!e)
			vec_push(all, m.uid);
		return e;
	}
	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("UID")) ? fields_text(p, a, &uid) : pull_skip(p);
	vec_push(all, uid);
	return e ? e : p->e;
}

static err victims_read(pull *p, arena *a, bool is_whole, uint32_t most, text_vec *uids, args_victims *v)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("NumPDBViolations"))) {
			e = fields_i64(p, &v->violations);
		} else if (!str_eq(key, S("Pods"))) {
			e = pull_skip(p);
		} else if (fields_array(p, &e)) {
			while (!e && pull_item(p))
				e = uids->n < most ? victim_read(p, a, is_whole, uids) : ERR_LIMIT;
		}
	}
	return e ? e : p->e;
}

typedef vec(args_victims) victims_vec;

static err victim_nodes_read(pull *p, arena *a, bool is_whole, victims_vec *all)
{
	str key;
	bool has_escape;
	uint32_t left = ARGS_VICTIMS_MAX;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		args_victims one = {.node = key};
		text_vec uids = {0};
		e = all->n < ARGS_NODES_MAX ? victims_read(p, a, is_whole, left, &uids, &one) : ERR_LIMIT;
		one.uids = ARENA_ARRAY(a, str, uids.n);
		one.n = uids.n;
		left -= uids.n;
		if (uids.n)
			memcpy(one.uids, uids.v, uids.n * sizeof(str));
		vec_done(&uids);
		vec_push(all, one);
	}
	return e ? e : p->e;
}

static err preemption_walk(pull *p, arena *a, preemption_args *ret, victims_vec *all)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("Pod")))
			e = pull_span(p, &ret->pod);
		else if (str_eq(key, S("NodeNameToVictims")))
			e = victim_nodes_read(p, a, true, all);
		else if (str_eq(key, S("NodeNameToMetaVictims")))
			e = victim_nodes_read(p, a, false, all);
		else
			e = pull_skip(p);
	}
	return e ? e : pull_finish(p);
}

err preemption_args_read(str body, arena *a, preemption_args *ret, fault *f)
{
	victims_vec all = {0};
	pull p;

	*ret = (preemption_args){.pod = STR_NONE};
	pull_init(&p, body, PULL_DEPTH_CAP);
	err e = preemption_walk(&p, a, ret, &all);
	ret->nodes = ARENA_ARRAY(a, args_victims, all.n);
	ret->n = all.n;
	if (all.n)
		memcpy(ret->nodes, all.v, all.n * sizeof(*all.v));
	vec_done(&all);
	if (e)
		return refuse(f, &p);
	if (!ret->pod.n || ret->pod.p[0] != '{')
		return fault_set(f, ERR_BAD_FIELD, "#/Pod", "extender args missing pod");
	return ERR_OK;
}
