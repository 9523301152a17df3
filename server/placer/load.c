#include "server/placer/load.h"

#include "server/placer/drift.h"

#include <assert.h>
#include <string.h>

#include "api/types/placement.h"
#include "engine/charge.h"
#include "server/placer/body.h"
#include "server/placer/build.h"
#include "server/placer/claim.h"
#include "server/placer/decide.h"
#include "server/placer/use.h"
#include "server/placer/spend.h"

/* What a placement was charged, by model. */
typedef struct stored_charges {
	strs models;
	i64s device_milli, memory_mib, compute_milli;
} stored_charges;

#define F(...) JS_FIELD(stored_charges, __VA_ARGS__)
static const js_field stored_charges_fields[] = {
	F(models, JS_OPTIONAL, "Models."),
	F(device_milli, JS_OPTIONAL, "By model."),
	F(memory_mib, JS_OPTIONAL, "By model."),
	F(compute_milli, JS_OPTIONAL, "By model."),
};
#undef F
static JS_TYPE(stored_charges, "What a placement was charged.");

void load_begin(load *l, books *b)
{
	*l = (load){.b = b};
	buf_init(&l->words, LOAD_WORDS_BYTES);
}

void load_done(load *l)
{
	map_done(&l->node_by_key);
	vec_done(&l->gone_nodes);
	vec_done(&l->gone_devices);
	vec_done(&l->node_used);
	vec_done(&l->device_used);
	buf_done(&l->words);
}

static void differ(load *l, const char *what, str name, str of, int64_t stored, int64_t found)
{
	l->differences++;
	buf_printf(&l->words, "%s " STR_FMT " " STR_FMT ": stored %lld, placements say %lld\n", what, STR_ARG(name),
		STR_ARG(of), (long long)stored, (long long)found);
}

static int32_t node_of(const load *l, int64_t key)
{
	return (int32_t)(intptr_t)map_find_num(&l->node_by_key, (uint64_t)key) - 1;
}

#define used_set(list, at, a)                                                                                          \
	do {                                                                                                           \
		while ((list)->n <= (uint32_t)(at))                                                                    \
			(void)vec_add(list);                                                                           \
		(list)->v[at] = (a);                                                                                   \
	} while (0)

static void node_load(load *l, const sql_load_nodes_row *row)
{
	books *b = l->b;
	site *s = books_site(b, (int32_t)row->cluster_key);

	b->last_node_key = row->key > b->last_node_key ? (int32_t)row->key : b->last_node_key;
	if (!s || s->is_deleted) {
		vec_push(&b->doomed, (int32_t)row->key);
		return;
	}
	node_spec spec = {.name = row->name,
		.cpu_milli = row->cpu_milli,
		.memory_mib = row->memory_mib,
		.pods_max = (int32_t)row->pods,
		.rank = (int32_t)row->rank};
	int32_t node = fleet_node_put(&b->fleet, s->handle, &spec);
	amounts used = {{row->used_cpu_milli, row->used_memory_mib, row->used_pods}};
	node_row *at = books_node(b, node);
	at->key = (int32_t)row->key;
	memcpy(at->id.p, row->id.p, row->id.n < ID_MAX ? row->id.n : ID_MAX - 1);
	at->census = s->census;
	build_traits(&b->fleet, node, row->labels, row->taints);
	build_links(&b->fleet, node, row->links);
	books_flag_node(b, node, row->health);
	used_set(&l->node_used, node, used);
	map_put_num(&l->node_by_key, (uint64_t)row->key, (void *)(intptr_t)(node + 1));
	if (str_eq(row->health, HEALTH_GONE))
		vec_push(&l->gone_nodes, node);
}

void load_nodes(load *l, const sql_load_nodes_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		node_load(l, &rows[i]);
}

static void device_load(load *l, const sql_load_devices_row *row)
{
	books *b = l->b;
	int32_t node = node_of(l, row->node_key), device;

	b->last_device_key = row->key > b->last_device_key ? (int32_t)row->key : b->last_device_key;
	if (node == FLEET_NONE)
		return;
	device_spec spec = {.uuid = row->uuid,
		.class_id = fleet_class_put(&b->fleet, row->class),
		.index = (int32_t)row->index_no,
		.memory_mib = row->memory_mib > 0 ? row->memory_mib : 1,
		.slots = (int32_t)row->slots_given,
		.numa = (int32_t)row->numa + 1,
		.mode = build_mode(row->share_mode)};
	if (spec.class_id == FLEET_NONE || fleet_device_put(&b->fleet, node, &spec, &device)) {
		differ(l, "device", row->uuid, S("no place"), 1, 0);
		return;
	}
	amounts used = {{row->used_memory_mib, row->used_compute_milli, row->used_slots}};
	device_row *at = books_device(b, device);
	at->key = (int32_t)row->key;
	memcpy(at->id.p, row->id.p, row->id.n < ID_MAX ? row->id.n : ID_MAX - 1);
	booking_text_set(&at->product, &STR_NONE, row->product);
	booking_text_set(&at->health, &STR_NONE, row->health);
	booking_text_set(&at->share_mode, &STR_NONE, row->share_mode);
	booking_text_set(&at->geometry, &STR_NONE, row->geometry);
	at->cut = geometry_find(row->cut);
	books_flag_device(b, device);
	used_set(&l->device_used, device, used);
	if (str_eq(row->health, HEALTH_GONE))
		vec_push(&l->gone_devices, device);
}

void load_devices(load *l, const sql_load_devices_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		device_load(l, &rows[i]);
	books_follow_capacity(l->b);
}

plan_device load_slice(const fleet *f, int32_t device, const placed_device *told)
{
	const fleet_device *d = &f->devices.v[device];
	const geometry *g = told->mig_profile.n ? f->classes.v[d->class_id].cut.geometry : NULL;
	int32_t profile = g ? geometry_profile_find(g, told->mig_profile) : GEOMETRY_NONE;

	return (plan_device){.device = device,
		.memory_mib = told->memory_mib,
		.compute_milli = told->compute_milli,
		.charge = share_of_slice(told->memory_mib, told->compute_milli, d->memory_mib, 1),
		.profile = (int16_t)(profile + 1),
		.start = (int16_t)told->start};
}

/* The slices of one pod as they are told. False: something in it is not there. */
static bool pod_load(const fleet *f, plan *p, const placed_pod *pod)
{
	int32_t node = fleet_node_find(f, p->cluster, pod->node);
	const placed_device *d = pod->devices.v;

	if (node == FLEET_NONE)
		return false;
	plan_add_pod(p, 0, (int32_t)pod->index, node, pod->cpu_milli, pod->memory_mib);
	for (uint32_t i = 0; i < pod->devices.n; i++) {
		int32_t device = fleet_device_find(f, p->cluster, d[i].uuid);
		if (device == FLEET_NONE || f->devices.v[device].node != node)
			return false;
		plan_add_device(p, load_slice(f, device, &d[i]));
	}
	return true;
}

/* A device may have changed its size since: what counts is what was charged, so its first slice takes the rest; of a
 * model the first share, as instances were settled before by their modes. */
static bool charge_settle(const fleet *f, plan *p, int32_t number, amounts stored)
{
	plan_device *first = NULL;

	for (uint32_t i = 0; i < p->devices.n; i++) {
		plan_device *s = &p->devices.v[i];
		if (!charge_counts(f, s, number))
			continue;
		stored = amounts_sub(stored, s->charge);
		if (!first || (first->profile && !s->profile))
			first = s;
	}
	if (first)
		first->charge = amounts_add(first->charge, stored);
	return first != NULL;
}

static bool modes_load(load *l, plan *p, str json)
{
	js_list read;
	fault unused;

	if (!json.n)
		return true;
	if (js_read_list(&mode_charge_type, json, l->a, JS_ITEMS_COUNT, &read, &unused))
		return false;
	const mode_charge *c = read.v;
	for (uint32_t i = 0; i < read.n; i++) {
		int32_t mode = charge_find(&l->b->fleet, c[i].mode);
		amounts stored = {{c[i].device_milli, c[i].memory_mib, c[i].compute_milli}};
		if (mode == FLEET_NONE || !charge_settle(&l->b->fleet, p, mode, stored))
			return false;
	}
	return true;
}

static bool charges_load(load *l, plan *p, str json)
{
	stored_charges c;
	fault f;

	if (js_read_output(&stored_charges_type, json, l->a, &c, &f) || c.device_milli.n != c.models.n ||
		c.memory_mib.n != c.models.n || c.compute_milli.n != c.models.n)
		return false;
	for (uint32_t i = 0; i < c.models.n; i++) {
		int32_t model = fleet_class_find(&l->b->fleet, c.models.v[i]);
		amounts stored = {{c.device_milli.v[i], c.memory_mib.v[i], c.compute_milli.v[i]}};
		if (model == FLEET_NONE || !charge_settle(&l->b->fleet, p, model, stored))
			return false;
	}
	return true;
}

static bool plan_load(load *l, booking *k, const sql_load_placements_row *row, const placement *told)
{
	const site *s = books_site(l->b, k->now.cluster_key);
	const placed_pod *pods = told->placed.v;

	if (!s)
		return false;
	k->held.cluster = s->handle;
	for (uint32_t i = 0; i < told->placed.n; i++)
		if (!pod_load(&l->b->fleet, &k->held, &pods[i]))
			return false;
	if (!modes_load(l, &k->held, row->charge_modes) || !charges_load(l, &k->held, row->charges))
		return false;
	place_take(&l->b->fleet, l->b->tree, books_payer(l->b, k->tenant_key)->handle, &k->held);
	return true;
}

static booking *booking_load(const sql_load_placements_row *row, lifecycle life)
{
	booking_birth birth = {.id = row->id,
		.name = row->name,
		.origin = row->origin,
		.created_by = row->created_by,
		.request = row->request,
		.tenant_key = (int32_t)row->tenant_key,
		.seq = row->seq,
		.created_at_us = row->created_at};
	booking *k = booking_new(&birth);

	k->now.life = life;
	k->now.fence_incarnation = row->fence_incarnation;
	k->now.fence_no = row->fence_no;
	k->now.granted_at_us = row->granted_at;
	k->now.running_at_us = row->running_at;
	k->now.cluster_key = (int32_t)row->cluster_key;
	k->now.wait.is_any = true;
	booking_text_set(&k->now.reason, &STR_NONE, row->reason);
	return k;
}

static void placement_load(load *l, const sql_load_placements_row *row)
{
	str json = str_print(l->a, "{\"placed\":" STR_FMT ",\"blockers\":" STR_FMT "}", STR_ARG(row->placed),
		STR_ARG(row->blockers));
	placement told;
	lifecycle life;
	fault f;

	if (!lifecycle_find(row->state, &life) || !books_payer(l->b, (int32_t)row->tenant_key) ||
		js_read_output(&placement_type, json, l->a, &told, &f)) {
		differ(l, "placement", row->id, row->state, 1, 0);
		return;
	}
	booking *k = booking_load(row, life);
	if (lifecycle_is_booked(life)) {
		booking_text_set(&k->now.placed, &STR_NONE, row->placed);
		if (!plan_load(l, k, row, &told)) {
			differ(l, "placement", row->id, S("its place"), 1, 0);
			plan_clear(&k->held);
		}
	} else {
		k->now.wait.shape = body_shape(&told.blockers);
		k->now.wait.numbers = body_numbers(&told.blockers);
	}
	books_enter(l->b, k);
	k->hinted_at_us = life == LIFE_PENDING ? 1 : 0; /* there may be a row of it */
	decide_terms(l->b, k);
	books_hold(l->b, k);
	books_follow(l->b, k);
}

void load_placements(load *l, const sql_load_placements_row *rows, uint32_t n)
{
	l->a = arena_new(0);
	for (uint32_t i = 0; i < n; i++)
		placement_load(l, &rows[i]);
	if (n) {
		str last = rows[n - 1].id;
		assert(last.n < ID_MAX);
		memcpy(l->last_id, last.p, last.n);
		l->last_id[last.n] = '\0';
	}
	arena_end(l->a);
	l->a = NULL;
}

static void compare(load *l, const char *what, str name, const char *const words[3], amounts stored, amounts found)
{
	for (int i = 0; i < 3; i++)
		if (stored.v[i] != found.v[i])
			differ(l, what, name, str_from(words[i]), stored.v[i], found.v[i]);
}

static void nodes_compare(load *l)
{
	static const char *const words[3] = {"cpu_milli", "memory_mib", "pods"};
	const fleet *f = &l->b->fleet;

	for (uint32_t i = 0; i < l->node_used.n; i++) {
		const fleet_node *n = &f->nodes.v[i];
		amounts found = {{n->used_cpu_milli, n->used_memory_mib, n->pods}};
		compare(l, "node", f->node_names.v[i], words, l->node_used.v[i], found);
	}
}

static void devices_compare(load *l)
{
	static const char *const words[3] = {"memory_mib", "compute_milli", "slots"};
	const fleet *f = &l->b->fleet;

	for (uint32_t i = 0; i < l->device_used.n; i++) {
		const fleet_device *d = &f->devices.v[i];
		amounts found = {{d->used_memory_mib, d->used_compute_milli, d->sharers}};
		compare(l, "device", f->device_uuids.v[i], words, l->device_used.v[i], found);
	}
}

static uint64_t cell_of(int32_t tenant, int32_t model)
{
	return (uint64_t)tenant * FLEET_CLASSES_MAX + (uint64_t)model + 1;
}

static amounts use_of(const sql_load_uses_row *row)
{
	return (amounts){{row->device_milli, row->memory_mib, row->compute_milli}};
}

static int32_t use_number(books *b, str name)
{
	int32_t number = charge_find(&b->fleet, name);

	return number == FLEET_NONE ? fleet_class_put(&b->fleet, name) : number;
}

static void uses_compare(load *l, const sql_load_uses_row *rows, uint32_t n)
{
	static const char *const words[3] = {"device_milli", "memory_mib", "compute_milli"};
	books *b = l->b;
	map stored = {0};

	for (uint32_t i = 0; i < n; i++) {
		const payer *p = books_payer(b, (int32_t)rows[i].tenant_key);
		int32_t number = use_number(b, rows[i].model);
		if (!p || number == FLEET_NONE)
			differ(l, "tenant_use", rows[i].model, S("tenant"), rows[i].tenant_key, 0);
		else if (charge_is_mode(number))
			compare(l, "tenant", p->path, words, use_of(&rows[i]), quota_used(b->tree, p->handle, number));
		else
			map_put_num(&stored, cell_of(p->handle, number), (void *)&rows[i]);
	}
	for (uint32_t t = 0; t < b->payer_of.n; t++) {
		for (int32_t m = 0; m < (int32_t)b->fleet.classes.n && b->payer_of.v[t]; m++) {
			const sql_load_uses_row *row = map_find_num(&stored, cell_of((int32_t)t, m));
			amounts is = {{0}};
			if (row)
				is = use_of(row);
			compare(l, "tenant", b->payer_of.v[t]->path, words, is, quota_used(b->tree, (int32_t)t, m));
		}
	}
	map_done(&stored);
}

void load_escrow_off(load *l, const sql_load_escrow_off_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const payer *p = books_payer(l->b, (int32_t)rows[i].tenant_key);
		differ(l, "escrow", p ? p->path : rows[i].model, rows[i].model, rows[i].stored_milli,
			rows[i].counted_milli);
	}
}

/* A row that nothing keeps any more goes with the first turn, before its name may come back. */
static void node_leave(books *b, int32_t node)
{
	if (!b->fleet.nodes.v[node].pods)
		books_doom_node(b, node);
	fleet_node_remove(&b->fleet, node);
}

void load_conditions(books *b, const sql_load_conditions_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const payer *p = books_payer(b, (int32_t)rows[i].tenant_key);
		int32_t number = rows[i].model.n ? charge_find(&b->fleet, rows[i].model) : FLEET_NONE;
		if (p && (number != FLEET_NONE || !rows[i].model.n))
			(void)standing_load(&b->standing, p->handle, rows[i].type, number, rows[i].since);
	}
}

/* Of a model that is not known any more nothing is told, and nobody asks. */
void load_loans(books *b, const sql_load_loans_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		int32_t model = charge_find(&b->fleet, rows[i].model);
		lending_row row = {(int32_t)rows[i].tenant_key, (int32_t)rows[i].lender_key, (int32_t)rows[i].via_depth,
			FLEET_NONE, {{rows[i].device_milli, rows[i].memory_mib, rows[i].compute_milli}}};
		if (model != FLEET_NONE)
			lending_load(standing_lending(&b->standing, model), row);
	}
	vec_each (l, &b->standing.lendings)
		lending_loaded(l);
}

void load_end(load *l, const sql_load_uses_row *rows, uint32_t n)
{
	nodes_compare(l);
	devices_compare(l);
	uses_compare(l, rows, n);
	load_settle(l);
}

void load_settle(load *l)
{
	vec_each (device, &l->gone_devices)
		if (l->b->fleet.devices.v[*device].node != FLEET_NONE)
			fleet_device_remove(&l->b->fleet, *device);
	vec_each (node, &l->gone_nodes)
		node_leave(l->b, *node);
	books_follow_capacity(l->b);
	standing_moved_all(&l->b->standing, quota_models(l->b->tree));
	change_all(&l->b->changes);
	spend_recount(l->b);
	decide_recall(l->b);
	drift_rebuild(l->b);
}

void load_history(load *l, const sql_load_history_row *rows, uint32_t n)
{
	books *b = l->b;

	for (uint32_t i = 0; i < n; i++) {
		const sql_load_history_row *row = &rows[i];
		int32_t class_id = fleet_class_find(&b->fleet, row->class);
		history_sum rate = books_rate(b, class_id, 1);
		history_sum rate_us = rate * ((history_sum)row->milli_s * 1000000 + row->milli_us);
		use_add_bucket(b, (int32_t)row->tenant_key, row->bucket, rate * row->device_milli, rate_us);
	}
}

bool load_plan(const books *b, const site *s, str placed, plan *p)
{
	AUTO_ARENA a = arena_new(0);
	str json = str_print(a, "{\"placed\":" STR_FMT ",\"blockers\":[]}", STR_ARG(placed));
	placement told;
	fault f;

	if (js_read_output(&placement_type, json, a, &told, &f))
		return false;
	const placed_pod *pods = told.placed.v;
	p->cluster = s->handle;
	for (uint32_t i = 0; i < told.placed.n; i++)
		if (!pod_load(&b->fleet, p, &pods[i]))
			return false;
	return true;
}

static void hold_load(load *l, const sql_load_holds_row *row)
{
	booking *owner = books_booking(l->b, row->placement_id);
	const site *s = books_site(l->b, (int32_t)row->cluster_key);
	plan p;

	if (!owner || owner->now.life != LIFE_PENDING || !s)
		return;
	plan_init(&p);
	if (load_plan(l->b, s, row->placed, &p))
		claim_load(l->b, owner, row, &p);
	plan_done(&p);
}

/* A hold whose owner or devices are not there any more holds nothing; its row goes with its owner. */
void load_holds(load *l, const sql_load_holds_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		hold_load(l, &rows[i]);
}

void load_evictions(load *l, const sql_load_evictions_row *rows, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		booking *k = books_booking(l->b, rows[i].placement_id);
		if (k && k->now.life == LIFE_REVOKING)
			booking_text_set(&k->evicted_by, &STR_NONE, rows[i].by_placement_id);
	}
}

const sql_id load_tables[] = {SQL_LOAD_CLASSES, SQL_LOAD_PRIORITIES, SQL_LOAD_TENANTS, SQL_LOAD_QUOTAS,
	SQL_LOAD_POLICIES, SQL_LOAD_CLUSTERS, SQL_LOAD_CORDONS, SQL_LOAD_NODES, SQL_LOAD_DEVICES, SQL_LOAD_CONDITIONS,
	SQL_LOAD_LOANS, SQL_LOAD_BUDGETS};
static_assert(sizeof load_tables / sizeof *load_tables == LOAD_TABLES, "each table has a place in the order");

void load_table(load *l, sql_id stmt, const void *rows, uint32_t n)
{
	if (stmt == SQL_LOAD_NODES)
		load_nodes(l, rows, n);
	else if (stmt == SQL_LOAD_DEVICES)
		load_devices(l, rows, n);
	else if (stmt == SQL_LOAD_CONDITIONS)
		load_conditions(l->b, rows, n);
	else if (stmt == SQL_LOAD_LOANS)
		load_loans(l->b, rows, n);
	else
		govern_table(l->b, stmt, rows, n);
}
