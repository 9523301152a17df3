#include "agents/real/front.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/scheduling/gauges.h"
#include "agents/scheduling/locks.h"
#include "agents/admission/serving.h"
#include "agents/file.h"
#include "base/clock.h"

enum { ANSWER_MAX = 64 << 20, NAMES = 5 };

struct front {
	front_spec spec;
	arena *arena;
	mirror *mirror;
	quotas *quotas;
	follow *follow, *follow_budgets;
	locks *locks;
	serving *serving;
	admission admission;
	bool has_quotas;
};

static void say(const front *f, const char *what, str about, str why)
{
	if (f->spec.on_word)
		f->spec.on_word(f->spec.arg, what, about, why);
}

/* The names under which schedulers and API servers call. */
static uint32_t names_fill(const front_spec *s, arena *a, str ret[AUTHORITY_NAMES_MAX])
{
	ret[0] = str_print(a, "%s.%s.svc", s->settings.service, s->space);
	ret[1] = str_print(a, "%s.%s.svc.cluster.local", s->settings.service, s->space);
	ret[2] = S("localhost");
	ret[3] = S("127.0.0.1");
	ret[4] = str_print(a, "%s-acting.%s.svc", s->settings.service, s->space);
	return NAMES;
}

err front_certificate(const front_spec *s, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	str names[AUTHORITY_NAMES_MAX];
	authority own = {0};
	bool is_changed;

	if (!s->settings.keeps_certificate ||
		(file_exists(s->cert_file) && file_exists(s->key_file) && file_exists(s->ca_file)))
		return ERR_OK;
	err e = authority_tend(&own, names, names_fill(s, a, names), clock_now_us(), a, &is_changed, f);
	if (!e)
		e = file_write(s->key_file, 0600, own.leaf_key, f);
	if (!e)
		e = file_write(s->ca_file, 0644, own.certificates, f);
	return e ? e : file_write(s->cert_file, 0644, own.leaf, f);
}

static void quota_is(void *arg, const object_meta *m, str object)
{
	front *f = arg;

	if (quotas_put(f->quotas, object))
		say(f, "quota.unread", m->name, m->space);
}

static void quota_gone(void *arg, const object_meta *m, str object)
{
	(void)object;
	quotas_drop(((front *)arg)->quotas, m->space, m->name);
}

static void quotas_listed(void *arg)
{
	((front *)arg)->has_quotas = true;
}

static void budget_is(void *arg, const object_meta *m, str object)
{
	front *f = arg;

	if (budgets_put(f->spec.budgets, m, object))
		say(f, "budget.unread", m->name, m->space);
}

static void budget_gone(void *arg, const object_meta *m, str object)
{
	(void)object;
	budgets_drop(((front *)arg)->spec.budgets, m->space, m->name);
}

static void budgets_listed(void *arg)
{
	budgets_known(((front *)arg)->spec.budgets);
}

static void budgets_trouble(void *arg, err e, long status, str why)
{
	(void)e;
	(void)status;
	say(arg, "budget.trouble", S("the watch"), why);
}

static void budgets_follow(front *f)
{
	f->follow_budgets = follow_open(&(follow_spec){.loop = f->spec.loop,
		.kube = f->spec.kube,
		.path = S("/apis/policy/v1/poddisruptionbudgets"),
		.on_object = budget_is,
		.on_gone = budget_gone,
		.on_listed = budgets_listed,
		.on_trouble = budgets_trouble,
		.arg = f});
}

static void quotas_trouble(void *arg, err e, long status, str why)
{
	(void)e;
	(void)status;
	say(arg, "quota.trouble", S("the watch"), why);
}

static bool leads(void *arg)
{
	const front *f = arg;

	return f->spec.leads(f->spec.arg);
}

static void on_lock(void *arg, str node, str lock, bool is_done)
{
	say(arg, is_done ? "lock.taken" : "lock.kept", node, lock);
}

static void on_files(void *arg)
{
	const front *f = arg;

	f->spec.on_certificate(f->spec.arg);
}

static void serving_trouble(void *arg, const char *what, str why)
{
	say(arg, "certificate.trouble", str_from(what), why);
}

static str tenant_of(void *arg, str space)
{
	return spaces_tenant(((front *)arg)->spec.spaces, space);
}

static tenant_left left_of(void *arg, str tenant, const vendor *kind)
{
	return real_left(((front *)arg)->spec.real, tenant, kind);
}

static bool asks_devices(void *arg, str space, str name, str uid)
{
	const front *f = arg;

	/* The API server holds a binding's uid against the pod's; only without one all that wait are looked through. */
	return uid.n ? mirror_waiting(f->mirror, uid).p != NULL
		     : mirror_waiting_named(f->mirror, space, name).p != NULL;
}

static bool record_holds(void *arg, str uid, str node, const object_pair *notes, uint32_t n, const char **ret_why)
{
	return real_record_holds(((front *)arg)->spec.real, uid, node, notes, n, ret_why);
}

static void serving_begin(front *f)
{
	static const char *const kinds[] = {"mutatingwebhookconfigurations", "validatingwebhookconfigurations"};
	const front_settings *o = &f->spec.settings;
	serving_spec s = {.loop = f->spec.loop, .kube = f->spec.kube, .leads = leads, .on_files = on_files};

	s.space = str_from(f->spec.space);
	s.name = str_from(o->serving_secret);
	s.n_names = names_fill(&f->spec, f->arena, s.names);
	s.cert_file = f->spec.cert_file;
	s.key_file = f->spec.key_file;
	s.ca_file = f->spec.ca_file;
	for (; s.n_hooks < sizeof(kinds) / sizeof(kinds[0]); s.n_hooks++)
		s.hooks[s.n_hooks] = str_print(
			f->arena, "/apis/admissionregistration.k8s.io/v1/%s/%s", kinds[s.n_hooks], o->webhooks);
	s.on_trouble = serving_trouble;
	s.arg = f;
	f->serving = serving_open(&s);
}

static void admission_fill(front *f)
{
	const front_settings *o = &f->spec.settings;

	f->admission.rules = (rules_spec){.scheduler = o->scheduler,
		.keeps_default = o->keeps_default,
		.hides_devices = o->hides_devices,
		.core_policy = o->core_policy,
		.runtime_class = o->runtime_class,
		.tenant_of = tenant_of,
		.quotas = f->quotas,
		.stock = f->spec.stock,
		.left = left_of,
		.arg = f};
	(void)records_writers(&f->admission.records, str_from(f->spec.space));
	if (o->record_writers && !records_writers(&f->admission.records, str_from(o->record_writers)))
		say(f, "records.writers", str_from(o->record_writers), S("are too many: the last are left out"));
	f->admission.guard = (guard_spec){f->spec.stock, asks_devices, record_holds, f};
}

front *front_open(const front_spec *s)
{
	front *f = calloc(1, sizeof(*f));
	follow_spec q = {.loop = s->loop, .kube = s->kube, .path = S("/api/v1/resourcequotas"), .may_stream = true};

	assert(f);
	f->spec = *s;
	f->arena = arena_new(0);
	f->quotas = quotas_new();
	q.on_object = quota_is;
	q.on_gone = quota_gone;
	q.on_listed = quotas_listed;
	q.on_trouble = quotas_trouble;
	q.arg = f;
	f->follow = follow_open(&q);
	budgets_follow(f);
	f->locks = locks_new(&(locks_spec){s->loop, s->kube, NULL, leads, on_lock, f});
	admission_fill(f);
	if (s->settings.keeps_certificate)
		serving_begin(f);
	return f;
}

void front_close(front *f)
{
	if (!f)
		return;
	serving_close(f->serving);
	locks_free(f->locks);
	follow_close(f->follow);
	follow_close(f->follow_budgets);
	quotas_free(f->quotas);
	arena_end(f->arena);
	free(f);
}

void front_mirror(front *f, mirror *m)
{
	f->mirror = m;
}

const quotas *front_quotas(const front *f)
{
	return f->quotas;
}

void front_node(front *f, const kube_node *n)
{
	locks_node(f->locks, n);
}

void front_node_gone(front *f, str name)
{
	locks_node_gone(f->locks, name);
}

void front_lead(front *f)
{
	if (f->serving)
		serving_kick(f->serving);
}

static void answer_review(void *arg, web_req *r)
{
	front *f = arg;
	bool is_bad, is_known = mirror_is_ready(f->mirror) && spaces_is_ready(f->spec.spaces) && f->has_quotas;
	buf out;

	if (!is_known) {
		web_reply(r, 503, S("Retry-After: 1\r\n"), S("the cluster is not known whole yet\n"));
		return;
	}
	buf_init(&out, ANSWER_MAX);
	if (!admission_answer(&f->admission, r->path, r->body, &out, &is_bad))
		web_reply(r, 404, S(""), S(""));
	else if (is_bad || out.over)
		web_reply(r, is_bad ? 400 : 500, S(""), S(""));
	else
		web_reply(r, 200, S("Content-Type: application/json\r\n"), buf_str(&out));
	buf_done(&out);
}

static void answer_metrics(void *arg, web_req *r)
{
	const front *f = arg;
	gauges e = {.stock = f->spec.stock,
		.quotas = f->quotas,
		.admission = &f->admission,
		.version = f->spec.version,
		.is_leading = f->spec.leads(f->spec.arg),
		.has_legacy = f->spec.settings.has_legacy,
		.waiting = real_count(f->spec.real).waiting};
	buf out;

	buf_init(&out, ANSWER_MAX);
	gauges_print(&e, &out);
	web_reply(r, out.over ? 500 : 200, S("Content-Type: text/plain; version=0.0.4\r\n"), buf_str(&out));
	buf_done(&out);
}

void front_routes(front *f, door *d)
{
	door_route(d, WEB_POST, "/admission/", answer_review, f);
	door_route(d, WEB_GET, "/metrics", answer_metrics, f);
}
