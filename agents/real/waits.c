#include <assert.h>
#include <stdlib.h>
#include "agents/real/real_inside.h"

enum { ASKED_BYTES = OBJECT_UID_MAX / 2 };

void waits_put(real *r, str uid)
{
	wait_row *w = map_find(&r->waits, uid);

	if (w) {
		rounds_fresh(r, w);
		return;
	}
	w = calloc(1, sizeof(*w) + uid.n);
	assert(w);
	w->name = name_of_pod(r->spec.cluster_uid, uid);
	w->uid_n = uid.n;
	memcpy(w->uid, uid.p, uid.n);
	(void)map_put(&r->waits, str_of(w->uid, w->uid_n), w);
	(void)map_put(&r->waits_named, id_str(&w->name), w);
	rounds_join(r, w);
	rounds_fresh(r, w);
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
bool waits_may_ask(const real *r, str tenant)
{
	const asked_row *of = map_find(&r->asked, tenant);
	size_t has = of ? (size_t)of->n * ASKED_BYTES : 0, left = ledger_left(r, LEDGER_ASKED);

	return has <= left && left >= ASKED_BYTES;
}

bool waits_asked(real *r, wait_row *w, str tenant)
{
	asked_row *of = asked_row_of(r, tenant);

	if (!waits_may_ask(r, tenant) || !ledger_fits(r, LEDGER_ASKED, ASKED_BYTES))
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
	rounds_leave(r, w);
	r->is_roomy = r->is_roomy || w->is_asked;
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
	map_done(&r->waits);
	map_done(&r->waits_named);
	map_done(&r->asked);
	rounds_done(r);
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
