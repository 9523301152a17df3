#include "agents/simulate/member.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/cluster/membership.h"
#include "agents/cluster/uplink.h"
#include "agents/simulate/simulate.h"
#include "base/clock.h"
#include "base/log.h"

enum { SCENE_ARENA_BYTES = 1 << 30 };

struct member {
	member_spec s;
	arena *arena; /* of what lives as long */
	home home;
	/* The scene before the last one may still be pointed to by nothing: one generation is kept to be sure of it. */
	arena *scene_arena, *old_arena;
	scene *scene;
	simulate *simulate;
	agent *agent;
	membership *membership;
	uplink *uplink; /* NULL: it may not speak yet */
	bool has_ended;
};

static void end(member *m, bool is_failure)
{
	if (m->has_ended)
		return;
	m->has_ended = true;
	membership_close(m->membership);
	m->membership = NULL;
	m->s.on_end(m->s.arg, is_failure);
}

static void on_uplink_end(void *arg, bool is_failure)
{
	end(arg, is_failure);
}

static void on_ready(void *arg, bool is_new)
{
	member *m = arg;

	(void)is_new;
	m->uplink = uplink_open(&(uplink_config){
		.loop = m->s.loop,
		.agent = m->agent,
		.home = &m->home,
		.server = m->s.server,
		.ca_file = membership_ca(m->membership),
		.version = m->s.version,
		.on_end = on_uplink_end,
		.arg = m,
	});
}

static void on_renewed(void *arg)
{
	const member *m = arg;

	uplink_reconnect(m->uplink);
}

static void on_refused(void *arg, err e, const char *why)
{
	member *m = arg;

	log_error("join.refused", KV("cluster", m->scene->cluster_uid), KV_ERR(e), KV_Z("why", why));
	end(m, true);
}

static void on_trouble(void *arg, err e, const char *why)
{
	const member *m = arg;

	log_error("renew.refused", KV("cluster", m->scene->cluster_uid), KV_ERR(e), KV_Z("why", why));
}

static err scene_open(const member *m, arena **ret_arena, scene **ret, fault *f)
{
	*ret_arena = arena_new(SCENE_ARENA_BYTES);
	*ret = ARENA_NEW(*ret_arena, scene);
	err e = scene_load(m->s.scene_path, *ret_arena, *ret, f);
	if (e || !m->s.number)
		return e;
	(*ret)->cluster_uid = str_print(*ret_arena, STR_FMT "-%u", STR_ARG((*ret)->cluster_uid), m->s.number);
	(*ret)->seed += m->s.number;
	return ERR_OK;
}

static err cluster_open(member *m, fault *f)
{
	int64_t now_us = clock_now_us();

	err e = scene_open(m, &m->scene_arena, &m->scene, f);
	if (!e)
		e = simulate_open(m->scene, m->home.reality, now_us, &m->simulate, f);
	if (!e)
		e = agent_open(simulate_cluster(m->simulate), m->home.facts, m->s.version, now_us, &m->agent, f);
	if (!e && simulate_torn_bytes(m->simulate))
		log_warn("journal.torn", KV_I64("bytes", simulate_torn_bytes(m->simulate)));
	return e;
}

static err membership_begin(member *m, fault *f)
{
	membership_config c = {
		.loop = m->s.loop,
		.home = &m->home,
		.server = m->s.server,
		.ca_file = m->s.ca_file,
		.token = m->s.token,
		.cluster_uid = m->scene->cluster_uid,
		.version = m->s.version,
		.on_ready = on_ready,
		.on_renewed = on_renewed,
		.on_refused = on_refused,
		.on_trouble = on_trouble,
		.arg = m,
	};

	return membership_open(&c, &m->membership, f);
}

err member_open(const member_spec *s, member **ret, fault *f)
{
	member *m = calloc(1, sizeof(*m));

	assert(m);
	m->s = *s;
	m->arena = arena_new(0);
	err e = home_open(s->folder, m->arena, &m->home, f);
	if (!e)
		e = cluster_open(m, f);
	if (!e)
		e = membership_begin(m, f);
	if (e) {
		member_close(m);
		return e;
	}
	*ret = m;
	return ERR_OK;
}

void member_stop(member *m)
{
	if (m->has_ended)
		return;
	if (m->uplink)
		uplink_stop(m->uplink);
	else
		end(m, false);
}

void member_reload(member *m)
{
	fault f = {0};
	arena *fresh;
	scene *s;

	err e = scene_open(m, &fresh, &s, &f);
	if (!e && !str_eq(s->cluster_uid, m->scene->cluster_uid))
		e = fault_set(&f, ERR_CONFLICT, "#/cluster_uid", "another cluster needs another agent");
	if (e) {
		log_error("scene.refused", KV_ERR(e), KV_Z("at", f.pointer), KV_Z("why", f.detail));
		arena_end(fresh);
		return;
	}
	arena_end(m->old_arena);
	m->old_arena = m->scene_arena;
	m->scene_arena = fresh;
	m->scene = s;
	simulate_change(m->simulate, s);
	agent_refresh(m->agent, agent_now_us(m->agent, clock_now_us()));
	log_info("scene.loaded", KV_I64("nodes", s->nodes.n));
	if (m->uplink)
		uplink_kick(m->uplink);
}

void member_close(member *m)
{
	if (!m)
		return;
	membership_close(m->membership);
	uplink_close(m->uplink);
	agent_close(m->agent);
	simulate_close(m->simulate);
	arena_end(m->scene_arena);
	arena_end(m->old_arena);
	arena_end(m->arena);
	free(m);
}
