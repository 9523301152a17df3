/* The tree in which manifest and live state meet. */
#include <stdlib.h>
#include "base/id.h"
#include "net/digest.h"
#include "server/plan/plan_inside.h"

enum { READ_MAX = 64 << 20 };

/* The manifest's entries with their paths, before they meet the live ones. */
typedef struct entries {
	plan_node *v;
	uint32_t n;
} entries;

static uint32_t entries_count(const js_map *tenants)
{
	const manifest_tenant *m = tenants->v;
	uint32_t n = tenants->n;

	for (uint32_t i = 0; i < tenants->n; i++)
		n += entries_count(&m[i].tenants);
	return n;
}

static str path_under(arena *a, str parent, str name)
{
	return parent.n ? str_print(a, STR_FMT "/" STR_FMT, STR_ARG(parent), STR_ARG(name)) : name;
}

static void entries_add(arena *a, const js_map *tenants, str parent, entries *to)
{
	const manifest_tenant *m = tenants->v;

	for (uint32_t i = 0; i < tenants->n; i++) {
		str path = path_under(a, parent, m[i].name);
		to->v[to->n++] = (plan_node){.path = path, .name = m[i].name, .want = &m[i]};
		entries_add(a, &m[i].tenants, path, to);
	}
}

static str name_of(str path)
{
	for (uint32_t i = path.n; i > 0; i--)
		if (path.p[i - 1] == '/')
			return str_cut(path, i, path.n);
	return path;
}

/* What stands above what was read, so that everything has its place though its parents are out of sight. */
static void ways_add(const strs *seen, entries *to)
{
	for (uint32_t i = 0; i < seen->n; i++)
		for (uint32_t k = 0; k < seen->v[i].n; k++)
			if (seen->v[i].p[k] == '/') {
				str path = str_cut(seen->v[i], 0, k);
				to->v[to->n++] = (plan_node){.path = path, .name = name_of(path)};
			}
}

/* Each path once: the manifest's entry where there is one. */
static void entries_join(entries *all)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < all->n; i++) {
		bool is_again = n && str_eq(all->v[n - 1].path, all->v[i].path);
		if (!is_again)
			all->v[n++] = all->v[i];
		else if (all->v[i].want)
			all->v[n - 1] = all->v[i];
	}
	all->n = n;
}

static int by_path(const void *a, const void *b)
{
	return str_cmp(((const plan_node *)a)->path, ((const plan_node *)b)->path);
}

str path_above(str path)
{
	str name = name_of(path);

	return name.n == path.n ? S("") : str_cut(path, 0, path.n - name.n - 1);
}

static uint32_t depth_of(str path)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < path.n; i++)
		n += path.p[i] == '/';
	return n;
}

plan_node *planning_find(const planning *p, str path)
{
	plan_node key = {.path = path};

	return p->n ? bsearch(&key, p->nodes, p->n, sizeof(key), by_path) : NULL;
}

bool path_is_below(str path, str top)
{
	return !top.n || str_eq(path, top) || (str_starts(path, top) && path.n > top.n && path.p[top.n] == '/');
}

static void live_add(plan_node *n, const sql_plan_tenants_row *live)
{
	n->live = live;
	n->key = (int32_t)live->key;
	n->parent_key = (int32_t)live->parent_key;
}

static void nodes_merge(planning *p, const entries *wanted)
{
	const plan_input *in = p->in;
	uint32_t w = 0, l = 0;

	p->nodes = ARENA_ARRAY(p->a, plan_node, wanted->n + in->tenants_n + 1);
	while (w < wanted->n || l < in->tenants_n) {
		int order = w == wanted->n       ? 1
			    : l == in->tenants_n ? -1
						 : str_cmp(wanted->v[w].path, p->tenants[l].path);
		plan_node *n = &p->nodes[p->n++];
		if (order <= 0)
			*n = wanted->v[w++];
		if (order >= 0)
			live_add(n, &p->tenants[l++]);
		if (order > 0) {
			n->path = n->live->path;
			n->name = name_of(n->path);
		}
	}
}

/* On the way down to something that was read, and out of sight itself. */
static bool is_above(const plan_input *in, str path)
{
	for (uint32_t i = 0; i < in->seen.n; i++)
		if (!in->seen.v[i].n)
			return false;
	for (uint32_t i = 0; i < in->seen.n; i++)
		if (path_is_below(in->seen.v[i], path) && !str_eq(in->seen.v[i], path))
			return true;
	return false;
}

static void objects_begin(planning *p, plan_node *n)
{
	n->cap_objects = OBJECTS_FIXED;
	n->objects = ARENA_ARRAY(p->a, plan_object, OBJECTS_FIXED);
	for (n->n_objects = 0; n->n_objects < OBJECTS_FIXED; n->n_objects++)
		n->objects[n->n_objects] = (plan_object){.kind = &plan_kinds[n->n_objects], .at = n, .effect = -1};
}

static void node_place(planning *p, plan_node *n)
{
	objects_begin(p, n);
	n->up = planning_find(p, path_above(n->path));
	if (n->up) {
		n->beside = n->up->kid;
		n->up->kid = n;
	}
	n->depth = depth_of(n->path);
	for (uint32_t i = 0; i < p->n_moves; i++)
		if (str_eq(p->moves[i].to, n->path))
			n->from = p->moves[i].from;
	n->is_above = !n->live && is_above(p->in, n->path);
	if (n->live || !n->want || n->is_above)
		return;
	id tenant = id_make("tnt"), quota = id_make("quo");
	n->id = str_dup(p->a, id_str(&tenant));
	n->quota_id = str_dup(p->a, id_str(&quota));
}

static plan_node *node_of_key(planning *p, const uint32_t *by_key, int64_t key)
{
	uint32_t from = 0, to = p->in->tenants_n;

	while (from < to) {
		uint32_t middle = from + (to - from) / 2;
		plan_node *n = &p->nodes[by_key[middle]];
		if (n->live->key == key)
			return n;
		if (n->live->key < key)
			from = middle + 1;
		else
			to = middle;
	}
	return NULL;
}

static int by_node_key(const void *a, const void *b, void *arg)
{
	const planning *p = arg;
	int64_t x = p->nodes[*(const uint32_t *)a].live->key, y = p->nodes[*(const uint32_t *)b].live->key;

	return (x > y) - (x < y);
}

static void kept_add(planning *p, plan_node *n, const sql_plan_managed_row *kept)
{
	bool is_item = !str_eq(kept->kind, S("tenant")) && !str_eq(kept->kind, S("quota"));

	if (n && is_item) {
		kept_item *x = ARENA_NEW(p->a, kept_item);
		*x = (kept_item){kept, n->kept_items};
		n->kept_items = x;
	}
	for (int k = 0; n && k < OBJECTS_FIXED; k++) {
		plan_object *o = &n->objects[k];
		bool fits = str_eq(kept->kind, str_from(plan_kinds[k].name));
		if (fits && n->live && !kept->is_gone && str_eq(kept->object_id, plan_kinds[k].id(o)))
			o->kept = kept;
		if (fits && !n->live && kept->is_gone && str_eq(kept->manager, p->want->manager))
			o->gone = kept;
	}
}

/* Rows of live tenants to their nodes. */
static void rows_join(planning *p)
{
	const plan_input *in = p->in;
	uint32_t *by_key = ARENA_ARRAY(p->a, uint32_t, in->tenants_n + 1), n = 0;

	for (uint32_t i = 0; i < p->n; i++)
		if (p->nodes[i].live)
			by_key[n++] = i;
	qsort_r(by_key, n, sizeof(*by_key), by_node_key, p);
	for (uint32_t i = 0; i < in->quotas_n; i++) {
		plan_node *of = node_of_key(p, by_key, in->quotas[i].tenant_key);
		if (of && !of->n_quotas++)
			of->quotas = &in->quotas[i];
	}
	for (uint32_t i = 0; i < in->bindings_n; i++) {
		plan_node *of = node_of_key(p, by_key, in->bindings[i].tenant_key);
		if (of && !of->n_bindings++)
			of->bindings = &in->bindings[i];
	}
	for (uint32_t i = 0; i < in->budgets_n; i++) {
		plan_node *of = node_of_key(p, by_key, in->budgets[i].tenant_key);
		if (of && !of->n_budgets++)
			of->budgets = &in->budgets[i];
	}
	for (uint32_t i = 0; i < in->raises_n; i++) {
		plan_node *of = node_of_key(p, by_key, in->raises[i].tenant_key);
		if (of && !of->n_raises++)
			of->raises = &in->raises[i];
	}
	for (uint32_t i = 0; i < in->uses_n; i++) {
		plan_node *of = node_of_key(p, by_key, in->uses[i].tenant_key);
		if (of && !of->n_uses++)
			of->uses = &in->uses[i];
	}
	for (uint32_t i = 0; i < in->managed_n; i++)
		kept_add(p, planning_find(p, moves_path(p, in->managed[i].path)), &in->managed[i]);
}

static void hash_hex(const uint8_t hash[PLAN_HASH], char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < PLAN_HASH; i++) {
		out[2 * i] = digits[hash[i] >> 4];
		out[2 * i + 1] = digits[hash[i] & 15];
	}
	out[2 * PLAN_HASH] = '\0';
}

/* Of the manifest and of every revision that was read. */
static void fingerprint(planning *p)
{
	uint8_t hash[PLAN_HASH];
	buf read;

	buf_init(&read, READ_MAX);
	for (uint32_t i = 0; i < p->in->tenants_n; i++)
		buf_printf(&read, STR_FMT " %lld %lld\n", STR_ARG(p->in->tenants[i].id),
			(long long)p->in->tenants[i].rev, (long long)p->in->tenants[i].quota_rev);
	for (uint32_t i = 0; i < p->in->bindings_n; i++)
		buf_printf(&read, STR_FMT " %lld\n", STR_ARG(p->in->bindings[i].id), (long long)p->in->bindings[i].rev);
	for (uint32_t i = 0; i < p->in->budgets_n; i++)
		buf_printf(&read, STR_FMT " %lld\n", STR_ARG(p->in->budgets[i].id), (long long)p->in->budgets[i].rev);
	for (uint32_t i = 0; i < p->in->managed_n; i++)
		buf_printf(&read, STR_FMT " " STR_FMT " %lld\n", STR_ARG(p->in->managed[i].object_id),
			STR_ARG(p->in->managed[i].manager), (long long)p->in->managed[i].rev);
	const str parts[] = {buf_str(&read), p->in->manifest};
	digest_sha256(parts, 2, hash);
	buf_done(&read);
	hash_hex(hash, p->fingerprint);
}

static void object_read(planning *p, plan_object *o)
{
	const plan_kind *k = o->kind;
	plan_node *n = o->at;

	if (object_is_there(o))
		k->live(p, o, &o->live);
	if (n->want)
		o->is_listed = k->want(p, o, &o->want, &o->members);
	o->is_mine = o->kept && str_eq(o->kept->manager, p->want->manager);
	if (o->is_mine) {
		o->base = fields_read(o->kept->last_applied, p->a);
		o->adopted = fields_read(o->kept->adopted, p->a);
	}
	fields_sort(&o->live);
	fields_sort(&o->want);
}

/* With prune, what was listed and is no longer goes back to nothing. */
static void members_prune(planning *p, plan_object *o)
{
	for (uint32_t i = 0; i < o->base.n; i++) {
		str member = field_member(o->base.v[i].path);
		bool is_known = false;
		for (uint32_t k = 0; k < o->members.n; k++)
			is_known |= str_eq(o->members.v[k], member);
		if (is_known)
			continue;
		strs more = {ARENA_ARRAY(p->a, str, o->members.n + 1), o->members.n + 1};
		for (uint32_t k = 0; k < o->members.n; k++)
			more.v[k] = o->members.v[k];
		more.v[o->members.n] = member;
		o->members = more;
	}
}

static void listed_compare(planning *p, plan_object *o)
{
	plan_node *n = o->at;

	if (p->want->prune && o->is_mine && o->kept->is_made)
		members_prune(p, o);
	object_compare(p, o);
	bool is_tenant = o == &n->objects[0];
	if (is_tenant && n->from.n)
		move_compare(p, o);
	if (!n->live && is_tenant && !n->is_above)
		o->op = o->gone && !planning_overwrites_drift(p) ? PLAN_DRIFT : PLAN_CREATE;
	else if (!n->live && o->op)
		o->op = n->objects[0].op == PLAN_DRIFT ? PLAN_NOOP : PLAN_CREATE;
	o->has_drift |= o->gone && is_tenant;
}

/* What is no longer listed. */
static void unlisted_compare(planning *p, plan_object *o)
{
	plan_node *n = o->at;

	if (!p->want->prune || !o->is_mine || !o->kept->is_made)
		return;
	if (o == &n->objects[0]) {
		o->op = PLAN_DELETE;
		n->goes = true;
		return;
	}
	members_prune(p, o);
	object_compare(p, o);
	if (o->op == PLAN_UPDATE)
		o->op = PLAN_DELETE;
}

static void node_compare(planning *p, plan_node *n)
{
	for (uint32_t k = 0; k < n->n_objects; k++) {
		plan_object *o = &n->objects[k];
		object_read(p, o);
		if (k && n->goes)
			continue;
		if (object_is_item(o))
			item_compare(p, o);
		else if (o->is_listed)
			listed_compare(p, o);
		else if (n->live)
			unlisted_compare(p, o);
	}
}

static err model_refuse(const plan_node *n, const char *member, str model, fault *f)
{
	fault_set(f, ERR_UNKNOWN_CLASS, "", "there is no device class " STR_FMT, STR_ARG(model));
	fault_prefix(f, model);
	fault_prefix(f, str_from(member));
	fault_prefix(f, S("quota"));
	for (; n; n = n->up) {
		fault_prefix(f, n->name);
		fault_prefix(f, S("tenants"));
	}
	return ERR_UNKNOWN_CLASS;
}

/* A share mode is called as its class and then the mode. */
static bool model_is_known(const plan_input *in, str model, bool is_class)
{
	for (uint32_t i = 0; i < in->models_n; i++) {
		str name = in->models[i].model;
		bool is_mode = is_class && str_starts(model, name) && model.n > name.n && model.p[name.n] == '.';
		if (str_eq(name, model) || is_mode)
			return true;
	}
	return false;
}

static err node_models_check(const planning *p, const plan_node *n, fault *f)
{
	const quota_model *m = n->want->quota.models.v;
	const quota_class *c = n->want->quota.classes.v;

	for (uint32_t k = 0; k < n->want->quota.models.n; k++)
		if (!js_is_nulled_whole(&quota_model_type, &m[k]) && !model_is_known(p->in, m[k].model, false))
			return model_refuse(n, "models", m[k].model, f);
	for (uint32_t k = 0; k < n->want->quota.classes.n; k++)
		if (!js_is_nulled_whole(&quota_class_type, &c[k]) && !model_is_known(p->in, c[k].class, true))
			return model_refuse(n, "classes", c[k].class, f);
	return ERR_OK;
}

static err models_check(const planning *p, fault *f)
{
	err e = ERR_OK;

	for (uint32_t i = 0; i < p->n && !e; i++)
		if (p->nodes[i].want)
			e = node_models_check(p, &p->nodes[i], f);
	return e;
}

err plan_begin(arena *a, const plan_input *in, planning **ret, fault *f)
{
	planning *p = ARENA_NEW(a, planning);
	uint32_t n = entries_count(&in->want->tenants);
	entries wanted = {ARENA_ARRAY(a, plan_node, n + in->seen.n * TENANT_DEPTH_MAX + 1), 0};

	p->a = a;
	p->in = in;
	p->want = in->want;
	entries_add(a, &in->want->tenants, S(""), &wanted);
	ways_add(&in->seen, &wanted);
	if (wanted.n)
		qsort(wanted.v, wanted.n, sizeof(*wanted.v), by_path);
	entries_join(&wanted);
	moves_find(p, wanted.v, wanted.n);
	nodes_merge(p, &wanted);
	/* From the end, so that children stand in order. */
	for (uint32_t i = p->n; i-- > 0;)
		node_place(p, &p->nodes[i]);
	err e = models_check(p, f);
	if (e)
		return e;
	rows_join(p);
	for (uint32_t i = 0; i < p->n; i++) {
		items_collect(p, &p->nodes[i]);
		p->n_objects += p->nodes[i].n_objects;
	}
	fingerprint(p);
	for (uint32_t i = 0; i < p->n; i++)
		node_compare(p, &p->nodes[i]);
	*ret = p;
	return ERR_OK;
}
