#include "fake_server.h"

#include "agents/cluster/enrol.h"
#include "agents/cluster/uplink.h"
#include "base/log.h"

enum { PLACEMENTS = 300, GUARD_MS = 60000, LOOK_MS = 5 };

/* One agent, a server, and what shall happen in turn. */
typedef struct stage {
	const char *name;
	void (*begin)(void *arg);
	bool (*is_reached)(void *arg);
} stage;

typedef struct world {
	loop *loop;
	fake_server server;
	folder d;
	arena *a;
	home home;
	scene scene;
	simulate *sim;
	agent *agent;
	enrol *enrol;
	uplink *uplink;
	const char *token;
	const stage *stages;
	loop_timer *look, *guard;
	int n_ready, n_refused;
	uint32_t n_ran;
	bool is_ended, has_failed, has_begun;
	char names[PLACEMENTS][16];
} world;

static void on_ready(void *arg)
{
	world *w = arg;

	w->n_ready++;
	enrol_close(w->enrol);
	w->enrol = NULL;
}

static void on_refused(void *arg, err e, const char *why)
{
	world *w = arg;

	(void)e;
	cr_assert(why[0]);
	w->n_refused++;
	enrol_close(w->enrol);
	w->enrol = NULL;
}

static void on_end(void *arg, bool is_failure)
{
	world *w = arg;

	w->is_ended = true;
	w->has_failed = is_failure;
}

static void enrol_begin(world *w, const char *token)
{
	enrol_config c = {
		.loop = w->loop,
		.home = &w->home,
		.server = w->server.url,
		.ca_file = w->server.ca_file,
		.token = token,
		.cluster_uid = S("sim"),
		.version = "0.1",
		.on_ready = on_ready,
		.on_refused = on_refused,
		.arg = w,
	};

	w->enrol = enrol_open(&c);
}

static void on_guard(void *arg)
{
	world *w = arg;

	cr_assert(false, "stuck in: %s", w->stages->name);
}

static void on_look(void *arg)
{
	world *w = arg;

	if (!w->has_begun && w->stages->begin)
		w->stages->begin(w);
	w->has_begun = true;
	if (w->stages->is_reached(w)) {
		w->stages++;
		w->has_begun = false;
	}
	if (w->stages->name)
		loop_timer_arm(w->look, MS(LOOK_MS));
	else
		loop_stop(w->loop);
}

static void world_run(world *w, const stage *stages)
{
	w->stages = stages;
	loop_timer_arm(w->look, 0);
	loop_timer_arm(w->guard, MS(GUARD_MS));
	loop_run(w->loop);
}

static world *world_new(void)
{
	world *w = calloc(1, sizeof(*w));

	cr_assert(w);
	log_open("test", LOG_ERROR);
	w->loop = loop_new();
	w->a = arena_new(256 << 20);
	w->d = folder_new();
	fake_open(&w->server, w->loop);
	MUST(home_open(w->d.path, w->a, &w->home, &must));
	MUST(scene_read(
		S("{\"cluster_uid\":\"sim\",\"nodes\":[{\"name\":\"n1\",\"cpu_milli\":9000000,\"memory_mib\":9000000,"
		  "\"pods\":100000,\"devices\":[{\"product\":\"H100\",\"class\":\"h100\",\"memory_mib\":80000,\"count\":8}]}],"
		  "\"pods\":{\"start_ms\":5,\"usage_interval_ms\":50}}"),
		w->a, &w->scene, &must));
	w->look = loop_timer_new(w->loop, on_look, w);
	w->guard = loop_timer_new(w->loop, on_guard, w);
	return w;
}

static void agent_begin(world *w)
{
	MUST(simulate_open(&w->scene, w->home.reality, clock_now_us(), &w->sim, &must));
	MUST(agent_open(simulate_cluster(w->sim), w->home.facts, "0.1", clock_now_us(), &w->agent, &must));
}

static void agent_kill(world *w)
{
	agent_close(w->agent);
	simulate_close(w->sim);
	w->agent = NULL;
	w->sim = NULL;
}

static void world_free(world *w)
{
	loop_timer_free(w->look);
	loop_timer_free(w->guard);
	uplink_close(w->uplink);
	agent_kill(w);
	fake_close(&w->server);
	loop_free(w->loop);
	arena_end(w->a);
	folder_free(&w->d);
	free(w);
}

static void join_begin(void *arg)
{
	world *w = arg;

	enrol_begin(w, w->token);
}

static bool is_enrolled(void *arg)
{
	world *w = arg;

	return w->n_ready || w->n_refused;
}

static void uplink_begin(void *arg)
{
	world *w = arg;

	agent_begin(w);
	w->uplink = uplink_open(&(uplink_config){
		.loop = w->loop,
		.agent = w->agent,
		.home = &w->home,
		.server = w->server.url,
		.ca_file = w->server.ca_file,
		.version = "0.1",
		.on_end = on_end,
		.arg = w,
	});
}

static void grants_begin(void *arg)
{
	static const char *const uuids[] = {
		"GPU-n1-0", "GPU-n1-1", "GPU-n1-2", "GPU-n1-3", "GPU-n1-4", "GPU-n1-5", "GPU-n1-6", "GPU-n1-7"};
	world *w = arg;

	w->server.lose_one_in = 3;
	for (int i = 0; i < PLACEMENTS; i++) {
		(void)snprintf(w->names[i], sizeof(w->names[i]), "plc_%d", i);
		fake_change(&w->server, (wish){"grant", w->names[i], "7.1", "n1", uuids[i % 8], 10, 1, NULL, 0});
	}
	uplink_begin(w);
}

static bool are_running(void *arg)
{
	world *w = arg;

	return fake_all_are(&w->server, PLACEMENTS, "running") && w->server.n_usages > 10;
}

static void renew_begin(void *arg)
{
	world *w = arg;

	w->n_ready = 0;
	enrol_begin(w, NULL);
}

static bool is_renewed(void *arg)
{
	world *w = arg;

	if (!w->n_ready)
		return false;
	uplink_reconnect(w->uplink);
	return true;
}

static void revokes_begin(void *arg)
{
	world *w = arg;

	for (int i = 0; i < PLACEMENTS; i++)
		fake_change(&w->server, (wish){"revoke", w->names[i], "7.1", NULL, NULL, 0, 0, NULL, 0});
}

static bool are_revoked(void *arg)
{
	world *w = arg;

	w->n_ran = w->server.n_running_told;
	return fake_all_are(&w->server, PLACEMENTS, "revoked");
}

static void snapshot_begin(void *arg)
{
	world *w = arg;

	w->server.wants_snapshot = true;
	fake_change(&w->server, (wish){"grant", "plc_last", "7.1", "n1", "GPU-n1-3", 10, 1, NULL, 0});
}

static bool has_new_session(void *arg)
{
	world *w = arg;

	return w->server.n_sessions >= 2 && w->server.n_inventories >= 2;
}

static void stop_begin(void *arg)
{
	world *w = arg;

	uplink_stop(w->uplink);
}

static bool has_ended(void *arg)
{
	return ((world *)arg)->is_ended;
}

Test(uplink, everything_arrives_once_though_answers_are_lost_and_repeated, .timeout = 110)
{
	static const stage stages[] = {
		{"join", join_begin, is_enrolled},
		{"grants", grants_begin, are_running},
		{"renewal", renew_begin, is_renewed},
		{"revokes", revokes_begin, are_revoked},
		{"snapshot", snapshot_begin, has_new_session},
		{"stop", stop_begin, has_ended},
		{NULL, NULL, NULL},
	};
	world *w = world_new();

	w->token = "rv_join_good";
	world_run(w, stages);
	cr_expect_eq(w->n_refused, 0);
	cr_expect_eq(w->server.n_joins, 3, "failed, pending, ready");
	cr_expect_geq(w->server.n_renewals, 1);
	cr_expect_geq(w->server.n_lost, 3);
	cr_expect_geq(w->server.n_repeats, 1);
	cr_expect_eq(w->n_ran, (uint32_t)PLACEMENTS, "nothing ran twice");
	cr_expect(!w->has_failed);
	world_free(w);
}

Test(uplink, a_refused_token_is_final, .timeout = 110)
{
	static const stage stages[] = {{"join", join_begin, is_enrolled}, {NULL, NULL, NULL}};
	world *w = world_new();

	w->token = "rv_join_stolen";
	world_run(w, stages);
	cr_expect_eq(w->n_refused, 1);
	cr_expect_eq(w->n_ready, 0);
	cr_expect_eq(enrol_until_us(&w->home), 0);
	world_free(w);
}

static void restart_begin(void *arg)
{
	world *w = arg;

	uplink_close(w->uplink);
	agent_kill(w);
	w->is_ended = false;
	uplink_begin(w);
}

static bool is_known_again(void *arg)
{
	world *w = arg;

	return w->server.n_sessions == 2 && w->server.seq >= 1;
}

Test(uplink, after_a_restart_the_stream_goes_on_where_it_was, .timeout = 110)
{
	static const stage stages[] = {
		{"join", join_begin, is_enrolled},
		{"grants", grants_begin, are_running},
		{"stop", stop_begin, has_ended},
		{"restart", restart_begin, is_known_again},
		{"revokes", revokes_begin, are_revoked},
		{"stop", stop_begin, has_ended},
		{NULL, NULL, NULL},
	};
	world *w = world_new();

	w->token = "rv_join_good";
	world_run(w, stages);
	cr_expect(!w->has_failed);
	cr_expect_eq(w->server.n_running_told, (uint32_t)PLACEMENTS, "nothing ran twice");
	world_free(w);
}
