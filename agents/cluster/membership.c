#include "agents/cluster/membership.h"
#include <assert.h>
#include <stdlib.h>
#include "base/clock.h"

struct membership {
	membership_config c;
	enrol *enrol; /* NULL: nothing is under way */
	loop_timer *timer;
	bool is_ready;
};

const char *membership_ca(const membership *m)
{
	return m->c.ca_file ? m->c.ca_file : m->c.home->ca;
}

static void enrol_end(membership *m)
{
	enrol_close(m->enrol);
	m->enrol = NULL;
}

static void enrol_begin(membership *m, const char *token, void (*on_ready)(void *arg),
	void (*on_refused)(void *arg, err e, const char *why))
{
	enrol_config c = {
		.loop = m->c.loop,
		.home = m->c.home,
		.server = m->c.server,
		.ca_file = membership_ca(m),
		.token = token,
		.cluster_uid = m->c.cluster_uid,
		.version = m->c.version,
		.on_ready = on_ready,
		.on_refused = on_refused,
		.arg = m,
	};

	m->enrol = enrol_open(&c);
}

static void check_later(membership *m)
{
	int64_t left_us = enrol_until_us(m->c.home) - clock_now_us() - ENROL_RENEW_BEFORE_US;

	if (left_us < MEMBERSHIP_CHECK_MIN_US)
		left_us = MEMBERSHIP_CHECK_MIN_US;
	loop_timer_arm(m->timer, left_us < MEMBERSHIP_CHECK_MAX_US ? left_us : MEMBERSHIP_CHECK_MAX_US);
}

static void on_renewed(void *arg)
{
	membership *m = arg;

	enrol_end(m);
	check_later(m);
	m->c.on_renewed(m->c.arg);
}

static void on_renew_refused(void *arg, err e, const char *why)
{
	membership *m = arg;

	enrol_end(m);
	loop_timer_arm(m->timer, MEMBERSHIP_CHECK_MAX_US);
	if (m->c.on_trouble)
		m->c.on_trouble(m->c.arg, e, why);
}

static void check(membership *m)
{
	if (enrol_until_us(m->c.home) - clock_now_us() >= ENROL_RENEW_BEFORE_US)
		check_later(m);
	else if (!m->enrol)
		enrol_begin(m, NULL, on_renewed, on_renew_refused);
}

static void ready(membership *m, bool is_new)
{
	m->is_ready = true;
	check(m);
	m->c.on_ready(m->c.arg, is_new);
}

static void on_joined(void *arg)
{
	membership *m = arg;

	enrol_end(m);
	ready(m, true);
}

static void on_join_refused(void *arg, err e, const char *why)
{
	membership *m = arg;

	enrol_end(m);
	m->c.on_refused(m->c.arg, e, why);
}

static void on_timer(void *arg)
{
	membership *m = arg;

	if (m->is_ready)
		check(m);
	else
		ready(m, false);
}

err membership_open(const membership_config *c, membership **ret, fault *f)
{
	/* A certificate that ended longer ago cannot even be renewed: a token begins anew. */
	int64_t until_us = enrol_until_us(c->home);
	bool has_joined = until_us && (until_us + ENROL_RENEW_LATE_US > clock_now_us() || !c->token);

	if (!has_joined && !c->token)
		return fault_set(f, ERR_SETTING, "--join-token", "is needed: this cluster has not joined yet");
	if (!has_joined && !c->ca_file)
		return fault_set(f, ERR_SETTING, "--ca", "is needed: this cluster has not joined yet");
	membership *m = calloc(1, sizeof(*m));
	assert(m);
	m->c = *c;
	m->timer = loop_timer_new(c->loop, on_timer, m);
	if (has_joined)
		loop_timer_arm(m->timer, 0);
	else
		enrol_begin(m, c->token, on_joined, on_join_refused);
	*ret = m;
	return ERR_OK;
}

void membership_close(membership *m)
{
	if (!m)
		return;
	enrol_end(m);
	loop_timer_free(m->timer);
	free(m);
}
