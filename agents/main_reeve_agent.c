/* reeve-agent: joins a cluster to its server and carries the server's decisions out there. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/cluster/enrol.h"
#include "agents/file.h"
#include "agents/cluster/uplink.h"
#include "agents/simulate/simulate.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/setting.h"

#define VERSION            REEVE_VERSION
#define RENEW_CHECK_MAX_US ((int64_t)3600 * 1000000)
#define RENEW_CHECK_MIN_US ((int64_t)60 * 1000000)

enum { EXIT_ASKED_WRONG = 2, SCENE_ARENA_BYTES = 1 << 30 };

typedef struct options {
	const char *server, *ca, *state_dir, *join_token, *join_token_file, *simulate, *log_level;
} options;

static const setting rows[] = {
	{.name = "server",
		.kind = SETTING_TEXT,
		.at = offsetof(options, server),
		.help = "Where the server is: https://host:port."},
	{.name = "ca",
		.kind = SETTING_TEXT,
		.at = offsetof(options, ca),
		.help = "PEM file of the certificates that may vouch for the server. Once joined, it may be left out."},
	{.name = "state-dir",
		.kind = SETTING_TEXT,
		.at = offsetof(options, state_dir),
		.initial = "/var/lib/reeve-agent",
		.help = "Folder of the agent's key, certificate and journals; made when it is not there."},
	{.name = "join-token",
		.kind = SETTING_TEXT,
		.at = offsetof(options, join_token),
		.max = ENROL_TOKEN_MAX,
		.is_secret = true,
		.help = "The token of this cluster (rv_join_...); needed until it has joined."},
	{.name = "join-token-file",
		.kind = SETTING_TEXT,
		.at = offsetof(options, join_token_file),
		.help = "A file with that token, so that it stands in no process list."},
	{.name = "simulate",
		.kind = SETTING_TEXT,
		.at = offsetof(options, simulate),
		.help = "Govern a simulated cluster, described in this JSON file. SIGHUP reads its nodes again."},
	{.name = "log-level",
		.kind = SETTING_TEXT,
		.at = offsetof(options, log_level),
		.initial = "info",
		.help = "debug, info, warn or error."},
};

static const setting_table settings = {
	.program = "reeve-agent",
	.usage = "[options]",
	.about =
		"Joins a cluster to its Reeve server and carries the server's decisions out in it. It dials out to the "
		"server alone. What runs in the cluster runs on while agent or server are away.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

typedef struct program {
	options o;
	loop *loop;
	home home;
	const char *ca_file, *token;
	arena *scene_arena, *old_arena;
	scene *scene;
	simulate *simulate;
	agent *agent;
	enrol *enrol;
	uplink *uplink;
	loop_timer *renew;
	int status;
} program;

static int say_wrong(const fault *f)
{
	fprintf(stderr, "reeve-agent: %s%s%s\n", f->pointer, f->pointer[0] ? ": " : "", f->detail);
	return EXIT_ASKED_WRONG;
}

static bool level_find(const char *name, log_level *ret)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (log_level)i;
			return true;
		}
	}
	return false;
}

static err options_check(options *o, fault *f)
{
	log_level level;
	size_t n;

	if (!o->server || strncmp(o->server, "https://", 8) != 0)
		return fault_set(f, ERR_SETTING, "--server", "is needed, as https://host:port");
	if (!level_find(o->log_level, &level))
		return fault_set(f, ERR_SETTING, "--log-level", "must be debug, info, warn or error");
	if (!o->simulate)
		return fault_set(f, ERR_SETTING, "--simulate", "is needed: this version governs simulated clusters");
	if (o->join_token && o->join_token_file)
		return fault_set(f, ERR_SETTING, "--join-token", "give the token or its file, not both");
	n = strlen(o->server);
	if (n > 1500)
		return fault_set(f, ERR_SETTING, "--server", "is too long");
	log_open("reeve-agent", level);
	return ERR_OK;
}

static err token_read(program *p, arena *a, fault *f)
{
	str text;

	p->token = p->o.join_token;
	if (!p->o.join_token_file)
		return ERR_OK;
	err e = file_read(p->o.join_token_file, a, &text, f);
	if (e)
		return e;
	text = str_trim(str_split(&text, '\n'));
	if (!text.n || text.n > ENROL_TOKEN_MAX)
		return fault_set(f, ERR_SETTING, "--join-token-file", "holds no token in its first line");
	p->token = str_z(a, text);
	return ERR_OK;
}

static err scene_open(program *p, arena **ret_arena, scene **ret, fault *f)
{
	*ret_arena = arena_new(SCENE_ARENA_BYTES);
	*ret = ARENA_NEW(*ret_arena, scene);
	return scene_load(p->o.simulate, *ret_arena, *ret, f);
}

static err cluster_open(program *p, fault *f)
{
	int64_t now_us = clock_now_us();

	err e = scene_open(p, &p->scene_arena, &p->scene, f);
	if (!e)
		e = simulate_open(p->scene, p->home.reality, now_us, &p->simulate, f);
	if (!e)
		e = agent_open(simulate_cluster(p->simulate), p->home.facts, VERSION, now_us, &p->agent, f);
	if (!e && simulate_torn_bytes(p->simulate))
		log_warn("journal.torn", KV_I64("bytes", simulate_torn_bytes(p->simulate)));
	return e;
}

static void uplink_ended(void *arg, bool is_failure)
{
	program *p = arg;

	p->status = is_failure ? EXIT_FAILURE : EXIT_SUCCESS;
	loop_stop(p->loop);
}

static const char *ca_file(const program *p)
{
	return p->o.ca ? p->o.ca : p->home.ca;
}

static void renew_plan(program *p)
{
	int64_t left_us = enrol_until_us(&p->home) - clock_now_us() - ENROL_RENEW_BEFORE_US;

	if (left_us < RENEW_CHECK_MIN_US)
		left_us = RENEW_CHECK_MIN_US;
	loop_timer_arm(p->renew, left_us < RENEW_CHECK_MAX_US ? left_us : RENEW_CHECK_MAX_US);
}

static void enrol_ended(program *p)
{
	enrol_close(p->enrol);
	p->enrol = NULL;
}

static void renewed(void *arg)
{
	program *p = arg;

	enrol_ended(p);
	uplink_reconnect(p->uplink);
	renew_plan(p);
}

static void renew_refused(void *arg, err e, const char *why)
{
	program *p = arg;

	log_error("renew.refused", KV_ERR(e), KV_Z("why", why));
	enrol_ended(p);
	loop_timer_arm(p->renew, RENEW_CHECK_MAX_US);
}

static enrol_config enrol_with(program *p, const char *token)
{
	return (enrol_config){
		.loop = p->loop,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = ca_file(p),
		.token = token,
		.cluster_uid = p->scene->cluster_uid,
		.version = VERSION,
		.on_ready = renewed,
		.on_refused = renew_refused,
		.arg = p,
	};
}

static void on_renew(void *arg)
{
	program *p = arg;
	int64_t left_us = enrol_until_us(&p->home) - clock_now_us();

	if (left_us >= ENROL_RENEW_BEFORE_US) {
		renew_plan(p);
		return;
	}
	if (p->enrol)
		return;
	enrol_config c = enrol_with(p, NULL);
	p->enrol = enrol_open(&c);
}

static void work_begin(program *p)
{
	p->uplink = uplink_open(&(uplink_config){
		.loop = p->loop,
		.agent = p->agent,
		.home = &p->home,
		.server = p->o.server,
		.ca_file = ca_file(p),
		.version = VERSION,
		.on_end = uplink_ended,
		.arg = p,
	});
	on_renew(p);
}

static void joined(void *arg)
{
	program *p = arg;

	enrol_ended(p);
	work_begin(p);
}

static void join_refused(void *arg, err e, const char *why)
{
	program *p = arg;

	log_error("join.refused", KV_ERR(e), KV_Z("why", why));
	enrol_ended(p);
	p->status = EXIT_FAILURE;
	loop_stop(p->loop);
}

static void on_stop(void *arg, int signo)
{
	program *p = arg;

	log_info("agent.stopping", KV_I64("signal", signo));
	enrol_ended(p);
	if (p->uplink)
		uplink_stop(p->uplink);
	else
		loop_stop(p->loop);
}

/* The scene before the last one may still be pointed to by nothing: one generation is kept to be sure of it. */
static void on_reload(void *arg, int signo)
{
	program *p = arg;
	fault f = {0};
	arena *fresh;
	scene *s;

	(void)signo;
	err e = scene_open(p, &fresh, &s, &f);
	if (!e && !str_eq(s->cluster_uid, p->scene->cluster_uid))
		e = fault_set(&f, ERR_CONFLICT, "#/cluster_uid", "another cluster needs another agent");
	if (e) {
		log_error("scene.refused", KV_ERR(e), KV_Z("at", f.pointer), KV_Z("why", f.detail));
		arena_end(fresh);
		return;
	}
	arena_end(p->old_arena);
	p->old_arena = p->scene_arena;
	p->scene_arena = fresh;
	p->scene = s;
	simulate_change(p->simulate, s);
	agent_refresh(p->agent, agent_now_us(p->agent, clock_now_us()));
	log_info("scene.loaded", KV_I64("nodes", s->nodes.n));
	if (p->uplink)
		uplink_kick(p->uplink);
}

static err begin(program *p, fault *f)
{
	/* A certificate that ended longer ago cannot even be renewed: a token begins anew. */
	int64_t until_us = enrol_until_us(&p->home);
	if (until_us && (until_us + ENROL_RENEW_LATE_US > clock_now_us() || !p->token)) {
		work_begin(p);
		return ERR_OK;
	}
	if (!p->token)
		return fault_set(f, ERR_SETTING, "--join-token", "is needed: this cluster has not joined yet");
	if (!p->o.ca)
		return fault_set(f, ERR_SETTING, "--ca", "is needed: this cluster has not joined yet");
	enrol_config c = enrol_with(p, p->token);
	c.on_ready = joined;
	c.on_refused = join_refused;
	p->enrol = enrol_open(&c);
	return ERR_OK;
}

static void program_end(program *p)
{
	loop_timer_free(p->renew);
	uplink_close(p->uplink);
	agent_close(p->agent);
	simulate_close(p->simulate);
	arena_end(p->scene_arena);
	arena_end(p->old_arena);
	loop_free(p->loop);
	arena_trim();
}

static int run(program *p, arena *a)
{
	fault f = {0};

	err e = token_read(p, a, &f);
	if (!e)
		e = home_open(p->o.state_dir, a, &p->home, &f);
	if (!e)
		e = cluster_open(p, &f);
	if (e)
		return say_wrong(&f);
	loop_on_signal(p->loop, SIGTERM, on_stop, p);
	loop_on_signal(p->loop, SIGINT, on_stop, p);
	loop_on_signal(p->loop, SIGHUP, on_reload, p);
	p->renew = loop_timer_new(p->loop, on_renew, p);
	e = begin(p, &f);
	if (e)
		return say_wrong(&f);
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

	err e = setting_read(&settings, &p.o, NULL, argc, argv, &operand, &is_done, &f);
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
