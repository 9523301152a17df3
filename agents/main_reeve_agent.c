/* reeve-agent: joins a cluster to its server and carries the server's decisions out there. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/agent_options.h"
#include "agents/cluster/membership.h"
#include "agents/cluster/uplink.h"
#include "agents/file.h"
#include "agents/kube/leader.h"
#include "agents/real/site.h"
#include "agents/simulate/crowd.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/setting.h"

#define VERSION  REEVE_VERSION
#define LEAVE_US ((int64_t)300000)

enum { EXIT_ASKED_WRONG = 2 };

typedef struct program {
	options o;
	loop *loop;
	arena *arena;
	strs tokens;
	crowd *crowd; /* simulated clusters; else: */
	home home;
	char identity[LEADER_IDENTITY_MAX + 1];
	login who;
	site *site;
	cluster_ref cluster; /* of the site */
	char *memory;        /* what its core remembers, until that stands */
	agent *agent;
	membership *membership;
	uplink *uplink;
	loop_timer *leave;
	int status;
} program;

static int say_wrong(const fault *f)
{
	fprintf(stderr, "reeve-agent: %s%s%s\n", f->pointer, f->pointer[0] ? ": " : "", f->detail);
	return EXIT_ASKED_WRONG;
}

static err token_add(program *p, str text, fault *f)
{
	if (text.n > ENROL_TOKEN_MAX)
		return fault_set(
			f, ERR_SETTING, "--join-token-file", "line %u is too long for a token", p->tokens.n + 1);
	p->tokens.v[p->tokens.n++] = text;
	return ERR_OK;
}

/* One a line; only so many are looked at as there are clusters. */
static err tokens_read(program *p, arena *a, fault *f)
{
	str text = p->o.join_token ? str_from(p->o.join_token) : STR_NONE;

	p->tokens.v = ARENA_ARRAY(a, str, p->o.clusters);
	/* A real cluster that has joined needs none any more, and says so where it has not (membership.h). */
	if (p->o.join_token_file && !p->o.simulate && file_read(p->o.join_token_file, a, &text, f))
		return ERR_OK;
	err e = p->o.join_token_file && p->o.simulate ? file_read(p->o.join_token_file, a, &text, f) : ERR_OK;
	while (!e && text.n && p->tokens.n < p->o.clusters) {
		str line = str_trim(str_split(&text, '\n'));
		if (line.n)
			e = token_add(p, line, f);
	}
	if (!e && p->o.join_token_file && p->o.simulate && !p->tokens.n)
		return fault_set(f, ERR_SETTING, "--join-token-file", "holds no token");
	return e;
}

static void leave(void *arg)
{
	program *p = arg;

	loop_stop(p->loop);
}

/* Another agent need not wait for the Lease: it is given up, which takes one call. */
static void uplink_ended(void *arg, bool is_failure)
{
	program *p = arg;

	p->status = is_failure ? EXIT_FAILURE : p->status;
	if (p->site)
		site_leave(p->site);
	loop_timer_arm(p->leave, p->site && !is_failure ? LEAVE_US : 0);
}

/* The core of a real cluster stands once this agent may speak for it. */
static void on_ready(void *arg, bool is_new)
{
	program *p = arg;
	fault f = {0};

	if (is_new)
		site_renewed(p->site);
	if (agent_open_kept(p->cluster, str_from(p->memory), VERSION, clock_now_us(), &p->agent, &f)) {
		log_error("agent.failed", KV_Z("why", f.detail));
		uplink_ended(p, true);
		return;
	}
	site_agent(p->site, p->agent);
	p->uplink = uplink_open(&(uplink_config){
		.loop = p->loop,
		.agent = p->agent,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = membership_ca(p->membership),
		.version = VERSION,
		.on_end = uplink_ended,
		.arg = p,
	});
}

static void on_renewed(void *arg)
{
	program *p = arg;

	site_renewed(p->site);
	uplink_reconnect(p->uplink);
}

static void on_join_refused(void *arg, err e, const char *why)
{
	program *p = arg;

	log_error("join.refused", KV_ERR(e), KV_Z("why", why));
	p->status = EXIT_FAILURE;
	loop_stop(p->loop);
}

static void on_renew_refused(void *arg, err e, const char *why)
{
	(void)arg;
	log_error("renew.refused", KV_ERR(e), KV_Z("why", why));
}

static void membership_end(program *p)
{
	membership_close(p->membership);
	p->membership = NULL;
}

static void on_stop(void *arg, int signo)
{
	program *p = arg;

	log_info("agent.stopping", KV_I64("signal", signo));
	if (p->crowd) {
		crowd_stop(p->crowd);
		return;
	}
	membership_end(p);
	if (p->uplink)
		uplink_stop(p->uplink);
	else
		leave(p);
}

static void on_reload(void *arg, int signo)
{
	const program *p = arg;

	(void)signo;
	if (p->crowd)
		crowd_reload(p->crowd);
}

static err membership_begin(program *p, fault *f)
{
	membership_config c = {
		.loop = p->loop,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = p->o.ca,
		.token = p->tokens.n ? str_z(p->arena, p->tokens.v[0]) : NULL,
		.cluster_uid = site_uid(p->site),
		.version = VERSION,
		.on_ready = on_ready,
		.on_renewed = on_renewed,
		.on_refused = on_join_refused,
		.on_trouble = on_renew_refused,
		.arg = p,
	};

	return membership_open(&c, &p->membership, f);
}

static void on_act(void *arg, cluster_ref c, str memory)
{
	program *p = arg;
	fault f = {0};

	p->cluster = c;
	p->memory = calloc(1, (size_t)memory.n + 1);
	if (!p->memory)
		abort();
	memcpy(p->memory, memory.p ? memory.p : "", memory.n);
	if (membership_begin(p, &f)) {
		p->status = say_wrong(&f);
		loop_stop(p->loop);
	}
}

static void on_stir(void *arg)
{
	program *p = arg;

	if (!p->uplink)
		return;
	uplink_stir(p->uplink);
	uplink_kick(p->uplink);
}

/* Nothing more is told: what this agent knows may be old already. */
static void on_site_end(void *arg, bool is_failure)
{
	program *p = arg;

	p->status = is_failure ? EXIT_FAILURE : EXIT_SUCCESS;
	membership_end(p);
	if (p->uplink)
		uplink_halt(p->uplink);
	else
		loop_stop(p->loop);
}

static const char *identity_of(program *p)
{
	char host[128] = "agent";

	if (p->o.identity)
		return p->o.identity;
	(void)gethostname(host, sizeof(host) - 1);
	(void)snprintf(p->identity, sizeof(p->identity), "%s-%ld", host, (long)getpid());
	return p->identity;
}

static const char *door_file(const program *p, const char *given, const char *own)
{
	if (given || !p->o.own_certificate)
		return given;
	return str_z(p->arena, str_print(p->arena, "%s/%s", p->o.state_dir, own));
}

static front_settings front_of(const program *p)
{
	return (front_settings){.scheduler = p->o.scheduler,
		.serving_secret = p->o.serving_secret,
		.service = p->o.service,
		.webhooks = p->o.webhooks,
		.record_writers = p->o.record_writers,
		.core_policy = p->o.core_policy,
		.runtime_class = p->o.runtime_class,
		.keeps_certificate = p->o.own_certificate,
		.keeps_default = p->o.keep_scheduler,
		.hides_devices = p->o.hide_devices,
		.has_legacy = p->o.legacy_metrics};
}

static err site_begin(program *p, fault *f)
{
	bool is_inside = strcmp(p->o.kubeconfig, "in-cluster") == 0;
	err e = home_open(p->o.state_dir, p->arena, &p->home, f);

	if (e)
		return e;
	e = is_inside ? login_account(LOGIN_ACCOUNT_FOLDER, p->arena, &p->who, f)
		      : login_config(p->o.kubeconfig, p->o.kube_context, p->arena, &p->who, f);
	if (e)
		return e;
	return site_open(&(site_spec){.loop = p->loop,
				 .home = &p->home,
				 .who = &p->who,
				 .version = VERSION,
				 .space = p->o.namespace ? p->o.namespace : str_z(p->arena, p->who.space),
				 .secret = p->o.secret,
				 .lease = p->o.lease,
				 .pod = p->o.pod,
				 .node_account = p->o.node_account,
				 .identity = identity_of(p),
				 .lease_s = p->o.lease_s,
				 .is_one_per_node = p->o.one_per_node,
				 .address = p->o.listen,
				 .cert_file = door_file(p, p->o.tls_cert, "door.pem"),
				 .key_file = door_file(p, p->o.tls_key, "door-key.pem"),
				 .ca_file = door_file(p, NULL, "door-ca.pem"),
				 .front = front_of(p),
				 .client_ca_file = options_own_clients(&p->o) ? door_file(p, NULL, "door-ca.pem")
									      : p->o.client_ca,
				 .on_act = on_act,
				 .on_stir = on_stir,
				 .on_end = on_site_end,
				 .arg = p},
		&p->site, f);
}

static void on_crowd_end(void *arg, bool is_failure)
{
	program *p = arg;

	p->status = is_failure ? EXIT_FAILURE : EXIT_SUCCESS;
	loop_stop(p->loop);
}

static err crowd_begin(program *p, fault *f)
{
	crowd_spec s = {
		.loop = p->loop,
		.server = p->o.server,
		.ca_file = p->o.ca,
		.folder = p->o.state_dir,
		.scene_path = p->o.simulate,
		.version = VERSION,
		.tokens = p->tokens,
		.n = (uint32_t)p->o.clusters,
		.on_end = on_crowd_end,
		.arg = p,
	};

	return crowd_open(&s, &p->crowd, f);
}

static void program_end(program *p)
{
	crowd_close(p->crowd);
	membership_end(p);
	loop_timer_free(p->leave);
	uplink_close(p->uplink);
	if (p->site)
		site_agent(p->site, NULL);
	agent_close(p->agent);
	site_close(p->site);
	free(p->memory);
	loop_free(p->loop);
	arena_trim();
}

static int run(program *p, arena *a)
{
	fault f = {0};

	p->arena = a;
	p->leave = loop_timer_new(p->loop, leave, p);
	err e = tokens_read(p, a, &f);
	if (!e && p->o.simulate)
		e = crowd_begin(p, &f);
	else if (!e)
		e = site_begin(p, &f);
	if (e)
		return say_wrong(&f);
	loop_on_signal(p->loop, SIGTERM, on_stop, p);
	loop_on_signal(p->loop, SIGINT, on_stop, p);
	loop_on_signal(p->loop, SIGHUP, on_reload, p);
	loop_run(p->loop);
	log_info("agent.stopped", KV_I64("status", p->status));
	return p->status;
}

int main(int argc, char **argv)
{
	AUTO_ARENA a = arena_new(0);
	program p = {0};
	fault f = {0};
	bool is_done;
	int operand;

	err e = setting_read(&agent_settings, &p.o, NULL, argc, argv, &operand, &is_done, &f);
	if (!e && is_done)
		return EXIT_SUCCESS;
	if (!e && operand < argc)
		e = fault_set(&f, ERR_SETTING, argv[operand], "is no option");
	if (!e)
		e = options_check(&p.o, &f);
	if (e)
		return say_wrong(&f);
	(void)signal(SIGPIPE, SIG_IGN);
	p.loop = loop_new();
	int status = run(&p, a);
	program_end(&p);
	return status;
}
