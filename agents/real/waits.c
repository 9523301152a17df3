#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"
#include "agents/real/wish.h"
#include "json/write.h"

enum { PATCH_MAX = 4096, ASKED_BYTES = OBJECT_UID_MAX / 2, WAKES_MAX = 16 /* of one scan */ };
#define SCAN_EVERY_US ((int64_t)100000)
/* Those that were waked for what is free are looked at by their scheduler before others are. */
#define SCAN_HELD_US  ((int64_t)1000000)

void waits_put(real *r, str uid)
{
	wait_row *w = map_find(&r->waits, uid);

	r->is_stirred = true;
	if (w)
		return;
	w = calloc(1, sizeof(*w) + uid.n);
	assert(w);
	w->name = name_of_pod(r->spec.cluster_uid, uid);
	w->uid_n = uid.n;
	memcpy(w->uid, uid.p, uid.n);
	(void)map_put(&r->waits, str_of(w->uid, w->uid_n), w);
	(void)map_put(&r->waits_named, id_str(&w->name), w);
}

/* The ledger names it until the server has heard. */
static void wait_left(real *r, str uid, id name)
{
	char *kept = NULL;

	work_text(&kept, uid);
	vec_push(&r->left, kept);
	vec_push(&r->gone, name);
}

static asked_row *asked_row_of(real *r, str tenant)
{
	asked_row *of = map_find(&r->asked, tenant);

	if (of)
		return of;
	of = calloc(1, sizeof(*of) + tenant.n);
	assert(of);
	of->tenant_n = tenant.n;
	memcpy(of->tenant, tenant.p, tenant.n);
	(void)map_put(&r->asked, str_of(of->tenant, of->tenant_n), of);
	return of;
}

/* A tenant may have as much of the ledger as it leaves to all others: however many pods it makes, the next one's are
 * asked about. */
static bool asked_take(real *r, wait_row *w, str tenant)
{
	asked_row *of = asked_row_of(r, tenant);

	if ((size_t)of->n * ASKED_BYTES > ledger_left(r, LEDGER_ASKED) || !ledger_fits(r, LEDGER_ASKED, ASKED_BYTES))
		return false;
	of->n++;
	w->asked_of = of;
	return true;
}

void waits_drop(real *r, str uid)
{
	wait_row *w = map_remove(&r->waits, uid);

	yields_drop(r, uid);
	if (!w)
		return;
	(void)map_remove(&r->waits_named, id_str(&w->name));
	if (w->is_asked)
		wait_left(r, uid, w->name);
	if (w->asked_of)
		w->asked_of->n--;
	r->room.is_less = r->room.is_less || w->is_asked;
	free(w->denied);
	wait_full_drop(w);
	free(w);
}

/* Its place in the ledger is its tenant's, as it was the last agent's. */
static void asked_inherit(real *r, wait_row *w, str uid)
{
	AUTO_ARENA a = arena_new(0);
	str text = mirror_waiting(r->mirror, uid);
	pod p;

	str tenant = text.n && pod_read(text, a, &p) == ERR_OK ? spaces_tenant(r->spec.spaces, p.meta.space) : STR_NONE;
	w->is_asked = true;
	if (!tenant.n || w->asked_of)
		return;
	w->asked_of = asked_row_of(r, tenant);
	w->asked_of->n++;
}

void waits_inherit(real *r, str uid)
{
	wait_row *w = map_find(&r->waits, uid);

	if (w)
		asked_inherit(r, w, uid);
	else
		wait_left(r, uid, name_of_pod(r->spec.cluster_uid, uid));
}

void waits_deny(real *r, str uid, str why)
{
	wait_row *w = map_find(&r->waits, uid);

	if (w)
		work_text(&w->denied, why);
}

void waits_settled(real *r)
{
	if (r->gone.n)
		return;
	vec_each (uid, &r->left)
		free(*uid);
	vec_clear(&r->left);
}

static void waked_clear(real *r)
{
	map_each (slot, &r->waked)
		free(slot->value);
	map_clear(&r->waked);
}

void waits_done(real *r)
{
	map_each (slot, &r->waits) {
		wait_row *w = slot->value;
		wait_full_drop(w);
		free(w->denied);
		free(w);
	}
	map_each (slot, &r->asked)
		free(slot->value);
	waked_clear(r);
	map_done(&r->waits);
	map_done(&r->waits_named);
	map_done(&r->asked);
	map_done(&r->waked);
	vec_each (uid, &r->left)
		free(*uid);
	vec_done(&r->left);
	vec_done(&r->gone);
}

str waits_of(const real *r, str name)
{
	const wait_row *w = name.n ? map_find(&r->waits_named, name) : NULL;

	return w ? str_of(w->uid, w->uid_n) : STR_NONE;
}

static void on_sent(void *arg, const kube_reply *r)
{
	(void)arg;
	(void)r;
}

void wait_wake(real *r, const pod *p, str word)
{
	AUTO_ARENA a = arena_new(0);
	buf body;

	buf_init(&body, PATCH_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_key(&w, S("metadata"));
	js_object_begin(&w);
	js_put_text(&w, "uid", p->meta.uid);
	js_key(&w, S("labels"));
	js_object_begin(&w);
	js_put_text(&w, NAME_STIR_KEY, word);
	js_object_end(&w);
	js_object_end(&w);
	js_object_end(&w);
	str path = str_print(
		a, "/api/v1/namespaces/" STR_FMT "/pods/" STR_FMT, STR_ARG(p->meta.space), STR_ARG(p->meta.name));
	(void)kube_patch(r->spec.kube, path, buf_str(&body), (kube_done){on_sent, NULL});
	buf_done(&body);
}

static void server_ask(real *r, wait_row *w, const pod *p, str tenant, const cluster_events *e, arena *a)
{
	pod_ask *q = ARENA_NEW(a, pod_ask); /* whole: the one that was looked at has lost classes */
	pod meek = *p;

	/* The server evicts for what is important: one that wants nobody to go does not say so. */
	if (p->is_meek)
		meek.priority_class = STR_NONE;
	if (pod_ask_read(p, r->spec.stock, (pod_policies){0}, a, q, NULL))
		return;
	str request = wish_request(&meek, q, r->spec.stock, &r->models, tenant, a);
	if (!request.n || (!w->is_asked && !asked_take(r, w, tenant)))
		return;
	w->is_told = w->is_asked = true;
	real_write(r);
	e->on_pod(e->arg, &(cluster_pod){tenant, request, id_str(&w->name)});
}

static void wait_look(real *r, wait_row *w, const cluster_events *e, int64_t now_us)
{
	AUTO_ARENA a = arena_new(0);
	pod_ask *q = ARENA_NEW(a, pod_ask);
	str text = mirror_waiting(r->mirror, str_of(w->uid, w->uid_n));
	pod p;

	if (!text.n || bind_find(r, str_of(w->uid, w->uid_n)) || pod_read(text, a, &p) || p.is_gated || p.is_leaving ||
		pod_ask_read(&p, r->spec.stock, (pod_policies){0}, a, q, NULL) || q->missing)
		return;
	desk_answer d = desk_look(r, &p, q, now_us, a);
	if (d.word == DESK_WANT && !w->is_told && agent_is_in_touch(r->agent))
		server_ask(r, w, &p, d.tenant, e, a);
	if (d.word != DESK_OPEN && d.word != DESK_ORDERED)
		return;
	if (d.word == DESK_OPEN)
		yields_look(r, w, &p, q, now_us, a);
	if (w->was_refused && d.word == DESK_OPEN && !desk_wakes(r, q, d.tenant, now_us)) {
		r->is_held = true;
		return;
	}
	if (w->was_refused && r->wakes++ < WAKES_MAX)
		wait_wake(r, &p, str_print(a, "%lld", (long long)now_us));
	else if (w->was_refused)
		return;
	w->was_refused = false;
}

static int64_t scan_next_us(const real *r)
{
	return r->scan_us + (r->is_held ? SCAN_HELD_US : SCAN_EVERY_US);
}

static void scan_begin(real *r, int64_t now_us)
{
	uint64_t loans = agent_purses(r->agent, now_us);

	if (r->is_scanning || (loans == r->loans && !r->is_stirred) ||
		(now_us >= r->scan_us && now_us < scan_next_us(r)))
		return;
	r->loans = loans;
	r->is_stirred = false;
	r->is_scanning = true;
	r->scan_us = now_us;
	r->scan_at = r->wakes > WAKES_MAX ? r->scan_at : 0;
	r->wakes = 0;
	r->is_held = false;
	waked_clear(r);
}

int64_t waits_look(real *r, const cluster_events *e, int64_t now_us)
{
	map_slot *slot = NULL;

	vec_each (name, &r->gone)
		e->on_pod_gone(e->arg, id_str(name));
	vec_clear(&r->gone);
	scan_begin(r, now_us);
	for (int n = 0; r->is_scanning && n < REAL_SCAN_PODS; n++) {
		slot = map_next(&r->waits, &r->scan_at);
		r->is_scanning = slot != NULL;
		if (slot)
			wait_look(r, slot->value, e, now_us);
		/* Room for one wakes all that it would do for: one after the other, from there on with the next scan.
		 */
		if (r->wakes > WAKES_MAX) {
			r->scan_at--;
			r->is_scanning = false;
			r->is_stirred = true;
		}
	}
	if (r->is_scanning)
		return now_us;
	r->is_stirred = r->is_stirred || r->is_held;
	return r->is_stirred ? scan_next_us(r) : CLUSTER_NEVER;
}
