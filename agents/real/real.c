#include "agents/real/real.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "base/clock.h"

enum {
	LINE_ARENA_BYTES = 16 << 20,
	SHARE_BYTES = 160,
	SPACE_BYTES = 32,
	ENTRY_BYTES = 1024 /* names of a pod and its node, a receipt */
};

_Static_assert((int)BORROW_KEPT_BYTES + (int)LEDGER_CONFIG_BYTES < LEDGER_BYTES_MAX / 16 * 7,
	"whatever was lent and said, there is room for pods that wait");

static str device_why(const void *arg, str node, str uuid)
{
	return sick_why(stock_sick(((const real *)arg)->spec.stock), node, uuid);
}

static bool device_is_elsewhere(const void *arg, str node, str uuid)
{
	str at = stock_device_node(((const real *)arg)->spec.stock, uuid);

	return at.n && !str_eq(at, node);
}

real *real_new(const real_spec *s)
{
	real *r = calloc(1, sizeof(*r));

	assert(r);
	r->spec = *s;
	signing_key_public(s->key, r->public_key);
	r->events = events_new(s->kube, "reeve-agent", s->identity);
	r->roster.why = device_why;
	r->roster.is_elsewhere = device_is_elsewhere;
	r->roster.arg = r;
	return r;
}

void real_free(real *r)
{
	if (!r)
		return;
	while (r->binds.n) {
		uint32_t at = 0;
		bind_drop(r, map_next(&r->binds, &at)->value);
	}
	map_done(&r->binds);
	yields_done(r);
	waits_done(r);
	foreign_done(r);
	used_done(r);
	works_done(&r->works);
	roster_done(&r->roster);
	if (r->spec.spaces)
		spaces_told(r->spec.spaces, NULL, NULL);
	models_done(&r->models);
	events_free(r->events);
	arena_end(r->kept_arena);
	free(r);
}

static void twice_tell(real *r, const kube_node *n, str uuid, arena *a)
{
	str at = stock_device_node(r->spec.stock, uuid);

	events_node(r->events, n->meta.name, n->meta.uid, "DeviceToldTwice",
		str_print(a, "device " STR_FMT " stands on " STR_FMT ", which tells of it too: here it takes no pods",
			STR_ARG(str_cut(uuid, 0, 128)), STR_ARG(at)),
		clock_now_us());
}

static void node_seen(void *arg, const kube_node *n)
{
	AUTO_ARENA a = arena_new(0);
	real *r = arg;
	str uuid = roster_put(&r->roster, n, a);

	if (uuid.n && r->agent)
		twice_tell(r, n, uuid, a);
	/* Pods wait for nodes by their scheduler; here for devices of a kind or class that was not there. */
	uint32_t n_classes = stock_fleet(r->spec.stock)->classes.n;
	r->is_stirred = r->is_stirred || n_classes != r->n_classes;
	r->n_classes = n_classes;
	real_stir(r);
}

static void node_lost(void *arg, str name)
{
	real *r = arg;

	roster_drop(&r->roster, name);
	real_stir(r);
}

mirror_ear real_ear(real *r)
{
	return (mirror_ear){seen_pod, seen_pod_gone, node_seen, node_lost, r};
}

void real_mirror(real *r, mirror *m)
{
	r->mirror = m;
}

void real_quotas(real *r, const quotas *q)
{
	r->quotas = q;
}

void real_agent(real *r, agent *a)
{
	r->agent = a;
	r->is_stirred = true;
	if (!a)
		return;
	map_each (slot, &r->binds) {
		const bind_row *b = slot->value;
		if (b->r.loan.n)
			agent_spent(a, b->r.loan, b->r.charge);
	}
	real_stir(r);
}

bool real_acts(const real *r)
{
	return r->agent != NULL;
}

static void device_news(real *r, str node)
{
	roster_stir(&r->roster, node);
	real_look_again(r);
}

void real_devices(real *r, str node, const js_list *devices)
{
	AUTO_ARENA a = arena_new(0);
	const report_device *d = devices->v;
	stock *s = r->spec.stock;
	strs uuids = {ARENA_ARRAY(a, str, devices->n + 1), 0};

	for (uint32_t i = 0; i < devices->n; i++)
		uuids.v[uuids.n++] = d[i].uuid;
	if (sick_finds(stock_sick(s), stock_fleet(s), stock_cluster(s), node, &uuids))
		device_news(r, node);
}

void real_device(real *r, str node, const node_health *h)
{
	bool is_well = str_eq(h->state, S("ok"));
	stock *s = r->spec.stock;

	str why_not = is_well ? S("") : h->cause.n ? h->cause : h->state;
	if (!sick_reported(stock_sick(s), stock_fleet(s), stock_cluster(s), node, h->uuid, why_not))
		return;
	device_news(r, node);
}

static str space_told(void *arg, str space, str labels)
{
	const real *r = arg;

	return models_tenant(&r->models, space, labels);
}

void real_spaces_tell(real *r)
{
	str tenant = r->models.default_tenant ? str_from(r->models.default_tenant) : S("");

	spaces_default(r->spec.spaces, tenant);
	spaces_told(r->spec.spaces, space_told, r);
}

void real_look_again(real *r)
{
	r->is_stirred = true;
	real_stir(r);
}

void real_stir(real *r)
{
	if (r->agent && r->spec.on_stir)
		r->spec.on_stir(r->spec.arg);
}

void real_write(real *r)
{
	if (r->vault && vault_is_ours(r->vault))
		r->flushed = vault_want(r->vault);
}

size_t ledger_shares_bytes(uint32_t n)
{
	return (size_t)n * SHARE_BYTES + ENTRY_BYTES;
}

size_t ledger_left(const real *r, ledger_kind kind)
{
	static const size_t most[] = {[LEDGER_ASKED] = LEDGER_BYTES_MAX / 2,
		[LEDGER_ORDER] = (size_t)LEDGER_BYTES_MAX / 4 * 3,
		[LEDGER_BIND] = (size_t)LEDGER_BYTES_MAX / 16 * 15};
	size_t taken = r->room.written + r->room.added;

	return taken < most[kind] ? most[kind] - taken : 0;
}

bool ledger_fits(real *r, ledger_kind kind, size_t bytes)
{
	if (bytes <= ledger_left(r, kind)) {
		r->room.added += bytes;
		return true;
	}
	/* What went stands there until the next text. */
	if (r->room.is_less)
		real_write(r);
	r->room.is_less = false;
	return false;
}

real_counts real_count(const real *r)
{
	return (real_counts){r->waits.n, r->works.by_id.n, r->binds.n};
}

/* The ledger. */

enum { DENIED_BYTES_MAX = LEDGER_BYTES_MAX / 16 };

js_list shares_keep(const stock_share *v, uint32_t n, arena *a)
{
	ledger_share *all = ARENA_ARRAY(a, ledger_share, n + 1);

	for (uint32_t i = 0; i < n; i++)
		all[i] = (ledger_share){v[i].uuid, v[i].memory_mib, v[i].compute_milli, v[i].sharers};
	return (js_list){all, n};
}

stock_share *shares_of(const js_list *of, arena *a)
{
	stock_share *all = ARENA_ARRAY(a, stock_share, of->n + 1);
	const ledger_share *v = of->v;

	for (uint32_t i = 0; i < of->n; i++)
		all[i] = (stock_share){v[i].uuid, v[i].memory_mib, v[i].compute_milli, v[i].sharers};
	return all;
}

static js_list binds_keep(const real *r, arena *a)
{
	ledger_bind *all = ARENA_ARRAY(a, ledger_bind, r->binds.n + 1);
	uint32_t n = 0;

	map_each (slot, &r->binds) {
		const bind_row *b = slot->value;
		all[n++] = (ledger_bind){str_from(b->uid), str_from(b->space), str_from(b->pod), str_from(b->node),
			str_from(b->receipt), shares_keep(b->shares, b->n_shares, a)};
	}
	return (js_list){all, n};
}

static bool order_keep(const work *w, arena *a, ledger_order *ret)
{
	placement told;
	str json = str_print(a, "{\"placed\":%s}", w->placed);

	if (js_read_output(&placement_type, json, a, &told, NULL))
		return false;
	*ret = (ledger_order){.id = str_from(w->id),
		.fence = str_from(w->fence),
		.tenant = str_from(w->tenant),
		.max_runtime_s = w->max_runtime_s,
		.self_fence_s = w->self_fence_s,
		.speak_s = w->speak_s,
		.is_claimed = w->is_claimed,
		.placed = told.placed};
	return true;
}

typedef struct orders {
	arena *a;
	ledger_order *v;
	uint32_t n;
} orders;

static void order_add(void *arg, work *w)
{
	orders *all = arg;

	all->n += order_keep(w, all->a, &all->v[all->n]);
}

static js_list orders_keep(real *r, arena *a)
{
	orders all = {a, ARENA_ARRAY(a, ledger_order, r->works.ordered.n + 1), 0};

	works_each_ordered(&r->works, order_add, &all);
	return (js_list){all.v, all.n};
}

static strs asked_keep(const real *r, arena *a)
{
	strs all = {ARENA_ARRAY(a, str, r->waits.n + r->left.n + 1), 0};

	for (uint32_t i = 0; i < r->left.n; i++)
		all.v[all.n++] = str_from(r->left.v[i]);
	map_each (slot, &r->waits)
		if (((const wait_row *)slot->value)->is_asked)
			all.v[all.n++] = slot->key;
	return all;
}

static js_list denied_keep(const real *r, arena *a)
{
	ledger_denial *all = ARENA_ARRAY(a, ledger_denial, r->waits.n + 1);
	size_t bytes = 0;
	uint32_t n = 0;

	map_each (slot, &r->waits) {
		const wait_row *w = slot->value;
		if (!w->denied)
			continue;
		/* Those that are left out are asked about again by whoever takes over. */
		bytes += ENTRY_BYTES / 4 + strlen(w->denied);
		if (bytes > DENIED_BYTES_MAX)
			break;
		all[n++] = (ledger_denial){slot->key, str_from(w->denied)};
	}
	return (js_list){all, n};
}

static size_t spaces_bytes(const js_list *of)
{
	const sync_space *v = of->v;
	size_t bytes = 0;

	for (uint32_t i = 0; i < of->n; i++)
		bytes += SPACE_BYTES + v[i].namespace.n + v[i].tenant.n;
	return bytes;
}

/* Namespaces without end would leave no room for the rest: whoever takes over asks the server first. */
static void config_keep(const real *r, arena *a, ledger *l)
{
	l->config = models_keep(&r->models, a);
	bool fits = spaces_bytes(&l->config.namespaces) + spaces_bytes(&l->config.selectors) <= LEDGER_CONFIG_BYTES;
	l->is_config_cut = !fits || r->lacks_config;
	if (!fits)
		l->config.namespaces.n = l->config.selectors.n = 0;
}

static void config_recall(real *r, const ledger *l)
{
	const sync_config *c = &l->config;

	r->lacks_config = l->is_config_cut;
	if (!c->classes.n && !c->namespaces.n && !c->selectors.n && !c->default_tenant.n)
		return;
	(void)models_take(&r->models, c);
	real_spaces_tell(r);
}

void real_hear(real *r, str text)
{
	AUTO_ARENA a = arena_new(0);
	ledger l;

	if (!r->vault && ledger_read(text, a, &l, NULL) == ERR_OK)
		config_recall(r, &l);
}

bool real_knows_spaces(const real *r)
{
	return !r->lacks_config;
}

void real_compose(void *arg, str writer, int64_t number, buf *out)
{
	AUTO_ARENA a = arena_new(0);
	real *r = arg;
	ledger l = {.writer = writer, .number = number};

	config_keep(r, a, &l);
	strs lines = r->agent ? agent_keep(r->agent, a) : r->kept;
	ledger_line *memory = ARENA_ARRAY(a, ledger_line, lines.n + 1);
	for (uint32_t i = 0; i < lines.n; i++)
		memory[i].text = lines.v[i];
	l.memory = (js_list){memory, lines.n};
	l.orders = orders_keep(r, a);
	l.binds = binds_keep(r, a);
	l.yields = yields_keep(r, a);
	l.asked = asked_keep(r, a);
	l.denied = denied_keep(r, a);
	ledger_write(&l, out);
	r->is_roomy = r->is_roomy || out->n < r->room.written + r->room.added;
	r->room = (ledger_room){.written = out->n};
}

void real_kept(void *arg)
{
	real *r = arg;
	vec(str) paid = {0};

	map_each (slot, &r->binds) {
		const bind_row *b = slot->value;
		if (b->on_paid && vault_has(r->vault, b->number))
			vec_push(&paid, slot->key);
	}
	vec_each (uid, &paid) {
		bind_row *b = bind_find(r, *uid);
		void (*on_paid)(void *deed, bool is_paid) = b->on_paid;
		b->on_paid = NULL;
		on_paid(b->deed, true);
	}
	vec_done(&paid);
	yields_sweep(r, clock_now_us());
	real_stir(r);
}

/* What the agent before us had paid: it stands until the pod says how it ended. */
static void bind_inherit(real *r, const ledger_bind *from, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	stock_share *shares = shares_of(&from->shares, a);

	if (!mirror_waiting(r->mirror, from->uid).p || bind_find(r, from->uid))
		return;
	bind_row *b = bind_add(r, from->uid, from->space, from->pod, from->node, from->receipt, false);
	b->inherited_us = now_us;
	bind_shares(b, shares, from->shares.n);
	stock_reserve(r->spec.stock, from->uid, from->space, from->node, shares, from->shares.n);
	work *w = works_find(&r->works, b->r.id);
	b->is_ordered = w && !b->r.loan.n;
	if (b->is_ordered) {
		seat *s = works_seat(w, b->r.index);
		seat_free(r, w, s);
		seat_take(&r->works, w, s, from->uid, from->space, from->pod, from->node);
	}
}

void seats_fill(real *r, work *w, const js_list *placed, arena *a)
{
	const placed_pod *v = placed->v;

	for (uint32_t i = 0; i < placed->n; i++) {
		const placed_device *d = v[i].devices.v;
		stock_share *shares = ARENA_ARRAY(a, stock_share, v[i].devices.n + 1);
		seat *s = works_seat(w, v[i].index);
		for (uint32_t k = 0; k < v[i].devices.n; k++)
			shares[k] = (stock_share){d[k].uuid, d[k].memory_mib, d[k].compute_milli, 1};
		for (uint32_t k = 0; k < v[i].devices.n; k++)
			stock_overcommit(r->spec.stock, d[k].uuid, placed_overcommit_ppm(&d[k]));
		if (s->state == SEAT_AWAITED && !s->uid[0]) {
			work_text(&s->node, v[i].node);
			seat_shares(s, shares, v[i].devices.n);
		}
	}
}

void seats_hold(real *r, const work *w)
{
	for (uint32_t i = 0; i < w->n_seats; i++)
		if (w->seats[i].state == SEAT_AWAITED && !w->seats[i].uid[0])
			seat_hold(r, w, &w->seats[i]);
}

static void order_inherit(real *r, const ledger_order *from, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	work *w = works_find(&r->works, from->id);

	if (w && !str_eq(str_from(w->fence), from->fence))
		return;
	if (!w)
		w = works_add(&r->works, from->id, from->fence, from->tenant, S(""), 0);
	w->at_us = w->at_us ? w->at_us : now_us;
	w->max_runtime_s = from->max_runtime_s;
	w->self_fence_s = from->self_fence_s;
	w->speak_s = from->speak_s;
	w->is_claimed = from->is_claimed;
	work_text(&w->placed, placed_print(&from->placed, a));
	works_order(&r->works, w);
	seats_fill(r, w, &from->placed, a);
	seats_hold(r, w);
	works_time(&r->works, w);
}

err real_act(real *r, vault *v, str text, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	int64_t now_us = clock_now_us();
	ledger l;

	err e = ledger_read(text, a, &l, f);
	if (e)
		return e;
	r->vault = v;
	r->kept_arena = arena_new(LINE_ARENA_BYTES);
	const ledger_line *lines = l.memory.v;
	r->kept = (strs){ARENA_ARRAY(r->kept_arena, str, l.memory.n + 1), l.memory.n};
	for (uint32_t i = 0; i < l.memory.n; i++)
		r->kept.v[i] = str_dup(r->kept_arena, lines[i].text);
	config_recall(r, &l);
	for (uint32_t i = 0; i < l.orders.n; i++)
		order_inherit(r, &((const ledger_order *)l.orders.v)[i], now_us);
	for (uint32_t i = 0; i < l.asked.n; i++)
		waits_inherit(r, l.asked.v[i]);
	const ledger_denial *denied = l.denied.v;
	for (uint32_t i = 0; i < l.denied.n; i++)
		waits_deny(r, denied[i].uid, denied[i].why);
	for (uint32_t i = 0; i < l.binds.n; i++)
		bind_inherit(r, &((const ledger_bind *)l.binds.v)[i], now_us);
	for (uint32_t i = 0; i < l.yields.n; i++)
		yield_inherit(r, &((const ledger_yield *)l.yields.v)[i]);
	return ERR_OK;
}

str real_memory(str text, arena *a)
{
	ledger l;
	buf all;

	if (ledger_read(text, a, &l, NULL))
		return STR_NONE;
	buf_init(&all, LEDGER_BYTES_MAX);
	for (uint32_t i = 0; i < l.memory.n; i++) {
		buf_add_str(&all, ((const ledger_line *)l.memory.v)[i].text);
		buf_add_char(&all, '\n');
	}
	str lines = str_dup(a, buf_str(&all));
	buf_done(&all);
	return lines;
}

/* The Binding is our own, on its way: what it carries is what we signed, or have opened, for it. */
static bool is_of_bind(const real *r, str uid, str node, str text)
{
	const bind_row *b = bind_find(r, uid);

	return b && b->r.id.n && str_eq(str_from(b->node), node) && str_eq(str_from(b->receipt), text);
}

bool real_record_holds(const real *r, str uid, str node, const object_pair *notes, uint32_t n, const char **ret_why)
{
	receipt t;

	*ret_why = "it carries no receipt";
	for (uint32_t i = 0; i < n; i++) {
		if (!str_eq(notes[i].key, S(RECEIPT_ANNOTATION)))
			continue;
		*ret_why = "its receipt is not of this cluster's agents, for this pod and node";
		if (is_of_bind(r, uid, node, notes[i].value))
			return true;
		return receipt_open(notes[i].value, uid, node, r->public_key, &t);
	}
	return false;
}

static int64_t at_least_0(int64_t v)
{
	return v > 0 ? v : 0;
}

tenant_left real_left(const real *r, str tenant, const vendor *kind)
{
	stock_classes all = stock_classes_of(r->spec.stock, kind);
	tenant_left left = {.name = tenant};

	for (uint32_t i = 0; r->agent && i < all.n; i++) {
		str class = models_class(&r->models, all.products[i]);
		const loan *l = class.n ? borrow_of(agent_borrow(r->agent), tenant, class) : NULL;
		if (!l || !l->is_kept)
			continue;
		const amounts *has = &l->hold.offered, *used = &l->hold.used;
		left.is_known = true;
		left.memory_mib += at_least_0(has->v[AXIS_MEMORY_MIB] - used->v[AXIS_MEMORY_MIB]);
		left.compute_milli += at_least_0(has->v[AXIS_COMPUTE_MILLI] - used->v[AXIS_COMPUTE_MILLI]);
	}
	return left;
}
