#include "agents/real/site.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/cluster/home.h"
#include "agents/kube/leader.h"
#include "agents/real/badge.h"
#include "agents/real/intake.h"
#include "agents/real/plan_keys.h"
#include "base/log.h"

#define UID_AGAIN_US ((int64_t)2000000)

struct site {
	site_spec spec;
	arena *arena;
	kube *kube;
	kube *first; /* of the Lease, the Secret and the binds, which nothing else may hold up */
	loop_timer *again;
	str uid;
	vault *vault;
	plan_keys_writer *plan_keys;
	signing_key *key;
	stock *stock;
	budgets *budgets;
	spaces *spaces;
	real *real;
	mirror *mirror;
	extender *extender;
	binder *binder;
	extender_edge *edge;
	door *door;
	front *front;
	intake *intake;
	leader *leader;
	badge *badge;
	agent *agent;
	bool is_leading, has_pods, is_acting, is_ended;
	bool has_seen;               /* the Secret, after the parts were there */
	bool is_listing, is_current; /* the cluster was listed after the Secret was ours alone */
};

static void uid_ask(void *arg);

static void end(site *s, bool is_failure)
{
	if (s->is_ended)
		return;
	s->is_ended = true;
	s->spec.on_end(s->spec.arg, is_failure);
}

static void fail(site *s, const fault *f)
{
	log_error("site.failed", KV_Z("at", f->pointer), KV_Z("why", f->detail));
	end(s, true);
}

/* The scheduler is led to whoever binds. */
static void badge_maybe(site *s)
{
	if (s->agent && s->is_current && s->badge)
		badge_wear(s->badge);
}

/* All of the cluster is known, and we lead: the Secret becomes ours. */
static void act_maybe(site *s)
{
	if (!s->is_leading || !s->has_pods || !spaces_is_ready(s->spaces) || s->is_acting)
		return;
	s->is_acting = true;
	vault_take(s->vault);
}

static void on_taken(void *arg, str ledger)
{
	site *s = arg;
	AUTO_ARENA a = arena_new(0);
	fault f = {0};

	if (real_act(s->real, s->vault, ledger, &f)) {
		fail(s, &f);
		return;
	}
	log_info("site.acting", KV_Z("identity", s->spec.identity));
	s->spec.on_act(s->spec.arg, real_cluster(s->real), real_memory(ledger, a));
}

static void on_seen(void *arg, str ledger)
{
	site *s = arg;

	real_hear(s->real, ledger);
	s->has_seen = true;
}

static void compose(void *arg, str writer, int64_t number, buf *out)
{
	real_compose(((site *)arg)->real, writer, number, out);
}

/* From the first text of ours on no other agent pays for a bind: what it bound before is in a list that begins now. A
 * watch that stands still would not have told. */
static void on_kept(void *arg)
{
	site *s = arg;

	real_kept(s->real);
	if (s->is_listing || s->is_current || !vault_has(s->vault, 1))
		return;
	s->is_listing = true;
	mirror_list(s->mirror);
}

static void on_listed(void *arg)
{
	site *s = arg;

	s->is_current = true;
	badge_maybe(s);
}

static void on_lost(void *arg, const char *why)
{
	log_warn("vault.lost", KV_Z("why", why));
	end(arg, true);
}

static void vault_trouble(void *arg, long status, str why)
{
	(void)arg;
	log_warn("vault.trouble", KV_I64("status", status), KV("why", why));
}

static void on_leader(void *arg, bool is_leader)
{
	site *s = arg;

	log_info("leader.changed", KV_I64("is_leader", is_leader), KV("holder", leader_holder(s->leader)));
	if (s->is_leading && !is_leader) {
		end(s, false);
		return;
	}
	s->is_leading = is_leader;
	if (is_leader)
		front_lead(s->front);
	act_maybe(s);
}

static void on_pods(void *arg)
{
	site *s = arg;

	s->has_pods = true;
	act_maybe(s);
}

static void on_spaces(void *arg)
{
	site *s = arg;

	real_look_again(s->real);
	act_maybe(s);
}

static void mirror_trouble(void *arg, str what, str why)
{
	(void)arg;
	log_warn("mirror.trouble", KV("what", what), KV("why", why));
}

static void door_trouble(void *arg, const char *why)
{
	(void)arg;
	log_warn("door.certificate", KV_Z("why", why));
}

static bool may_bind(void *arg)
{
	const site *s = arg;

	return s->agent && s->is_current && s->is_leading && s->leader && leader_is(s->leader) &&
	       vault_is_ours(s->vault);
}

static void on_stir(void *arg)
{
	site *s = arg;

	s->spec.on_stir(s->spec.arg);
}

static void on_settled(void *arg)
{
	site *s = arg;

	if (s->intake)
		intake_settled(s->intake);
}

static void intake_trouble(void *arg, str node, str why)
{
	(void)arg;
	log_warn("intake.trouble", KV("node", node), KV("why", why));
}

static bool site_acts(void *arg)
{
	const site *s = arg;

	return s->agent && s->is_leading;
}

static void healthz(void *arg, web_req *r)
{
	(void)arg;
	web_reply(r, 200, S("Content-Type: text/plain\r\n"), S("ok\n"));
}

static void word_reply(web_req *r, const char *why_not)
{
	web_reply(r, why_not ? 503 : 200, S("Content-Type: text/plain\r\n"), why_not ? str_from(why_not) : S("ok\n"));
}

/* Whoever could take over is ready. */
static void readyz(void *arg, web_req *r)
{
	const site *s = arg;
	bool is_known = s->has_pods && spaces_is_ready(s->spaces) && (s->has_seen || s->agent);

	word_reply(r, !is_known                     ? "the cluster is not known whole yet\n"
		      : !real_knows_spaces(s->real) ? "its namespaces are too many to be known here yet\n"
		      : !badge_is_off(s->badge)     ? "its pod still says that it acts\n"
						    : NULL);
}

/* Whoever binds. */
static void leaderz(void *arg, web_req *r)
{
	const site *s = arg;

	word_reply(r, s->agent && s->is_leading && s->is_current ? NULL
		      : s->has_pods                              ? "another agent acts\n"
								 : "it does not act yet\n");
}

static bool site_leads(void *arg)
{
	const site *s = arg;

	return s->is_leading && s->leader && leader_is(s->leader);
}

static void on_certificate(void *arg)
{
	const site *s = arg;

	if (s->door)
		door_reload(s->door);
	log_info("certificate.changed");
}

static void on_word(void *arg, const char *what, str about, str why)
{
	(void)arg;
	log_warn(what, KV("about", about), KV("why", why));
}

/* Nodes are told to two. */
static void node_seen(void *arg, const kube_node *n)
{
	site *s = arg;
	mirror_ear r = real_ear(s->real);

	r.on_node(r.arg, n);
	front_node(s->front, n);
}

static void node_lost(void *arg, str name)
{
	site *s = arg;
	mirror_ear r = real_ear(s->real);

	r.on_node_gone(r.arg, name);
	front_node_gone(s->front, name);
}

static void ear_pod(void *arg, const pod *p, str text)
{
	mirror_ear r = real_ear(((site *)arg)->real);

	r.on_pod(r.arg, p, text);
}

static void ear_pod_gone(void *arg, const object_meta *m)
{
	mirror_ear r = real_ear(((site *)arg)->real);

	r.on_pod_gone(r.arg, m);
}

static front_spec front_of(site *s)
{
	return (front_spec){.loop = s->spec.loop,
		.kube = s->kube,
		.stock = s->stock,
		.spaces = s->spaces,
		.real = s->real,
		.budgets = s->budgets,
		.space = s->spec.space,
		.version = s->spec.version,
		.cert_file = s->spec.cert_file,
		.key_file = s->spec.key_file,
		.ca_file = s->spec.ca_file,
		.settings = s->spec.front,
		.leads = site_leads,
		.on_certificate = on_certificate,
		.on_word = on_word,
		.arg = s};
}

static void cluster_follow(site *s)
{
	pod_policies policies = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD};
	uint8_t own_key[SIGNATURE_KEY];
	mirror_spec ms = {.loop = s->spec.loop, .kube = s->kube, .on_ready = on_pods, .on_trouble = mirror_trouble};

	ms.on_listed = on_listed;
	s->stock = ms.stock = stock_new();
	signing_key_public(s->key, own_key);
	stock_trust(s->stock, own_key);
	s->budgets = budgets_new();
	s->spaces = spaces_open(&(spaces_spec){s->spec.loop, s->kube, on_spaces, s});
	s->real = real_new(&(real_spec){.loop = s->spec.loop,
		.kube = s->kube,
		.stock = s->stock,
		.spaces = s->spaces,
		.cluster_uid = s->uid,
		.key = s->key,
		.identity = s->spec.identity,
		.budgets = s->budgets,
		.unknown_us = s->spec.lease_s * 1000000,
		.on_stir = on_stir,
		.on_settled = on_settled,
		.arg = s});
	front_spec fs = front_of(s);
	s->front = front_open(&fs);
	ms.ear = (mirror_ear){ear_pod, ear_pod_gone, node_seen, node_lost, s};
	ms.arg = s;
	s->mirror = mirror_open(&ms);
	real_mirror(s->real, s->mirror);
	front_mirror(s->front, s->mirror);
	real_quotas(s->real, front_quotas(s->front));
	s->extender = extender_new(&(extender_spec){.stock = s->stock,
		.by_default = policies,
		.quotas = front_quotas(s->front),
		.is_one_tenant = real_is_one_tenant,
		.may_yield = real_may_yield,
		.budgets = s->budgets,
		.arg = s->real,
		.gate = real_gate(s->real)});
	s->binder = binder_new(&(binder_spec){.loop = s->spec.loop,
		.kube = s->first,
		.stock = s->stock,
		.mirror = s->mirror,
		.by_default = policies,
		.quotas = front_quotas(s->front),
		.unknown_us = s->spec.lease_s * 1000000,
		.is_one_per_node = s->spec.is_one_per_node,
		.may_bind = may_bind,
		.arg = s,
		.till = real_till(s->real)});
	s->edge = extender_edge_new(s->extender, s->binder);
}

static err listen_begin(site *s, fault *f)
{
	door_spec d = {.loop = s->spec.loop, .address = s->spec.address, .edge = s->edge, .on_trouble = door_trouble};

	d.cert_file = s->spec.cert_file;
	d.key_file = s->spec.key_file;
	d.client_ca_file = s->spec.client_ca_file;
	d.arg = s;
	front_spec fs = front_of(s);
	err e = front_certificate(&fs, f);
	if (!e)
		e = door_open(&d, &s->door, f);
	if (e)
		return e;
	e = intake_open(&(intake_spec){.loop = s->spec.loop,
				.kube = s->kube,
				.real = s->real,
				.space = s->spec.space,
				.account = s->spec.node_account,
				.journal = s->spec.home->usage,
				.acts = site_acts,
				.on_trouble = intake_trouble,
				.arg = s},
		&s->intake, f);
	if (e)
		return e;
	door_route(s->door, WEB_POST, INTAKE_PATH, intake_answer, s->intake);
	door_route(s->door, WEB_GET, "/healthz", healthz, s);
	door_route(s->door, WEB_GET, "/readyz", readyz, s);
	door_route(s->door, WEB_GET, "/leaderz", leaderz, s);
	front_routes(s->front, s->door);
	log_info("site.listening", KV_Z("address", door_address(s->door)));
	return ERR_OK;
}

static void lead_begin(site *s)
{
	leader_spec l = {.loop = s->spec.loop, .kube = s->first, .on_change = on_leader, .arg = s};

	l.space = str_from(s->spec.space);
	l.name = str_from(s->spec.lease);
	l.identity = str_from(s->spec.identity);
	l.duration_s = s->spec.lease_s;
	l.renew_us = s->spec.lease_s * 1000000 * 2 / 3;
	l.retry_us = s->spec.lease_s * 1000000 * 2 / 15;
	s->leader = leader_open(&l);
}

static void on_keys_written(void *arg, long status, str why)
{
	(void)arg;
	if (why.p)
		log_warn("plan_keys.unwritten", KV_I64("status", status), KV("why", why));
	else
		log_info("plan_keys.written", KV_Z("configmap", PLAN_KEYS_OBJECT));
}

static void badge_trouble(void *arg, long status, str why)
{
	(void)arg;
	log_warn("badge.unwritten", KV_I64("status", status), KV("why", why));
}

static void badge_begin(site *s)
{
	s->badge = badge_open(&(badge_spec){.loop = s->spec.loop,
		.kube = s->kube,
		.space = str_from(s->spec.space),
		.pod = s->spec.pod,
		.on_trouble = badge_trouble,
		.arg = s});
}

static void keys_begin(site *s)
{
	plan_keys_spec k = {.loop = s->spec.loop, .kube = s->kube, .space = str_from(s->spec.space), .key = s->key};

	k.on_written = on_keys_written;
	s->plan_keys = plan_keys_write(&k);
}

/* The Secret's files are ours. */
static void on_identity(void *arg)
{
	site *s = arg;
	fault f = {0};

	err e = home_reread(s->spec.home, &f);
	if (!e)
		e = signing_key_open(s->spec.home->plan_key, &s->key, &f);
	if (e) {
		fail(s, &f);
		return;
	}
	keys_begin(s);
	badge_begin(s);
	cluster_follow(s);
	if (listen_begin(s, &f)) {
		fail(s, &f);
		return;
	}
	lead_begin(s);
}

static void on_uid(void *arg, const kube_reply *r)
{
	site *s = arg;
	object_meta m;

	if (s->is_ended || r->e == ERR_CLOSED)
		return;
	if (!kube_is_done(r) || object_meta_read(r->body, &m)) {
		log_warn("cluster.unreachable", KV_I64("status", r->status), KV("why", r->message));
		loop_timer_arm(s->again, UID_AGAIN_US);
		return;
	}
	s->uid = str_dup(s->arena, m.uid);
	log_info("cluster.found", KV("uid", s->uid));
	s->vault = vault_open(&(vault_spec){.loop = s->spec.loop,
		.kube = s->first,
		.space = str_from(s->spec.space),
		.name = str_from(s->spec.secret),
		.home = s->spec.home,
		.on_open = on_identity,
		.on_seen = on_seen,
		.on_taken = on_taken,
		.compose = compose,
		.on_kept = on_kept,
		.on_lost = on_lost,
		.on_trouble = vault_trouble,
		.arg = s});
}

static void uid_ask(void *arg)
{
	site *s = arg;
	kube_request q = {.method = "GET", .path = S("/api/v1/namespaces/kube-system"), .on_done = on_uid, .arg = s};

	(void)kube_send(s->kube, &q);
}

err site_open(const site_spec *spec, site **ret, fault *f)
{
	err e = signing_key_ensure(spec->home->plan_key, f);
	if (e)
		return e;
	site *s = calloc(1, sizeof(*s));
	assert(s);
	s->spec = *spec;
	s->arena = arena_new(0);
	s->kube = kube_open(spec->loop, spec->who, spec->version);
	s->first = kube_open(spec->loop, spec->who, spec->version);
	s->again = loop_timer_new(spec->loop, uid_ask, s);
	loop_timer_arm(s->again, 0);
	*ret = s;
	return ERR_OK;
}

void site_agent(site *s, agent *a)
{
	s->agent = a;
	badge_maybe(s);
	real_agent(s->real, a);
}

void site_leave(site *s)
{
	s->is_leading = false;
	s->is_ended = true;
	leader_close(s->leader);
	s->leader = NULL;
}

void site_renewed(site *s)
{
	if (vault_is_ours(s->vault))
		vault_renew(s->vault);
}

str site_uid(const site *s)
{
	return s->uid;
}

door *site_door(site *s)
{
	return s->door;
}

void site_close(site *s)
{
	if (!s)
		return;
	s->is_ended = true;
	door_close(s->door);
	intake_close(s->intake);
	extender_edge_close(s->edge);
	binder_free(s->binder);
	leader_close(s->leader);
	mirror_close(s->mirror);
	front_close(s->front);
	real_free(s->real);
	spaces_close(s->spaces);
	vault_close(s->vault);
	plan_keys_close(s->plan_keys);
	kube_close(s->first);
	badge_close(s->badge);
	kube_close(s->kube);
	extender_free(s->extender);
	stock_free(s->stock);
	budgets_free(s->budgets);
	signing_key_close(s->key);
	loop_timer_free(s->again);
	arena_end(s->arena);
	free(s);
}
