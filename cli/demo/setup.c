#include "cli/demo/setup.h"

#include <stdio.h>

#include "api/types/cluster.h"
#include "api/types/token.h"
#include "base/clock.h"
#include "cli/demo/house.h"

enum { DEVICES_TIMEOUT_MS = 60000, POLL_MS = 50, TOKEN_TTL_S = 365 * 86400 };

static err post(demo *d, arena *a, const char *path, str body, str *ret, fault *f)
{
	return demo_do(d, a, &(demo_call){.method = "POST", .path = path, .token = d->admin, .body = body}, ret, f);
}

static err tenants_make(demo *d, fault *f)
{
	err e = ERR_OK;

	for (int i = 0; i < CAST_TENANTS && !e; i++) {
		AUTO_ARENA a = arena_new(0);
		const cast_tenant *t = &cast_tenants[i];
		str parent = t->parent < 0 ? S("") : str_print(a, "\"parent\":\"%s\",", cast_tenants[t->parent].path);
		e = post(d, a, "/v1/tenants",
			str_print(a, "{\"name\":\"%s\"," STR_FMT "\"description\":\"%s\"}", t->name, STR_ARG(parent),
				t->about),
			NULL, f);
	}
	return e;
}

static err quotas_set(demo *d, fault *f)
{
	err e = ERR_OK;

	for (int i = 0; i < CAST_TENANTS && !e; i++) {
		AUTO_ARENA a = arena_new(0);
		buf b;
		buf_init(&b, 1 << 16);
		cast_quota_body((cast_who)i, &b);
		char path[128];
		snprintf(path, sizeof(path), "/v1/tenants/%s/quota", cast_tenants[i].path);
		for (char *p = path + sizeof("/v1/tenants/") - 1; p < path + strlen(path) - sizeof("/quota"); p++)
			*p = *p == '/' ? '~' : *p;
		e = demo_do(d, a,
			&(demo_call){
				.method = "PUT", .path = path, .token = d->admin, .body = buf_str(&b), .if_match = "*"},
			NULL, f);
		buf_done(&b);
	}
	return e;
}

static err tokens_make(demo *d, fault *f)
{
	err e = ERR_OK;

	for (int i = 0; i < CAST_TENANTS && !e; i++) {
		AUTO_ARENA a = arena_new(0);
		str answer = STR_NONE;
		token t = {0};
		e = post(d, a, "/v1/tokens",
			str_print(a, "{\"name\":\"demo-%s\",\"role\":\"member\",\"tenant\":\"%s\",\"ttl_s\":%d}",
				cast_tenants[i].name, cast_tenants[i].path, TOKEN_TTL_S),
			&answer, f);
		if (!e)
			e = js_read_output(&token_type, answer, a, &t, f);
		snprintf(d->token[i], DEMO_TOKEN_MAX, STR_FMT, STR_ARG(t.token));
	}
	return e;
}

static err clusters_make(demo *d, int64_t start_ms, fault *f)
{
	err e = ERR_OK;

	for (int i = 0; i < CAST_CLUSTERS && !e; i++) {
		AUTO_ARENA a = arena_new(0);
		str answer = STR_NONE;
		cluster c = {0};
		e = post(d, a, "/v1/clusters", str_print(a, "{\"name\":\"%s\",\"accept\":true}", cast_clusters[i].name),
			&answer, f);
		if (!e)
			e = js_read_output(&cluster_type, answer, a, &c, f);
		if (!e)
			e = house_agent_start(d, i, start_ms, str_z(a, c.join_token), f);
	}
	return e;
}

static err clusters_again(demo *d, int64_t start_ms, fault *f)
{
	err e = ERR_OK;

	for (int i = 0; i < CAST_CLUSTERS && !e; i++)
		e = house_agent_start(d, i, start_ms, NULL, f);
	return e;
}

/* A cluster is there when its agent was heard and its inventory is whole. */
static err clusters_known(demo *d, bool *ret, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	js_list list = {0};
	int known = 0;
	err e = demo_list(d, a, d->admin, "/v1/clusters?limit=1000", &cluster_type, &list, f);
	const cluster *c = list.v;

	for (uint32_t k = 0; k < list.n; k++)
		for (int i = 0; i < CAST_CLUSTERS; i++)
			known += str_eq(c[k].name, str_from(cast_clusters[i].name)) && str_eq(c[k].state, S("ready")) &&
				 c[k].devices == cast_devices_count(&cast_clusters[i]);
	*ret = known == CAST_CLUSTERS;
	return e;
}

static err clusters_wait(demo *d, fault *f)
{
	int64_t deadline_us = clock_mono_us() + (int64_t)DEVICES_TIMEOUT_MS * 1000;
	bool is_known = false;
	err e = clusters_known(d, &is_known, f);

	while (!e && !is_known) {
		e = house_check(d, f);
		if (!e && clock_mono_us() > deadline_us)
			e = fault_set(f, ERR_TIMEOUT, NULL,
				"after %d s the server does not know every device; see the logs in %s",
				DEVICES_TIMEOUT_MS / 1000, d->world);
		if (!e && !demo_pause(d, POLL_MS))
			e = fault_set(f, ERR_CLOSED, NULL, "stopped");
		if (!e)
			e = clusters_known(d, &is_known, f);
	}
	return e;
}

/* Written last: a world with this file is whole. */
static err tokens_keep(demo *d, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	char path[DEMO_PATH_MAX + 8];
	str text = str_print(a, "%s\n", d->settings->edition);

	for (int i = 0; i < CAST_TENANTS; i++)
		text = str_print(a, STR_FMT "%s\n", STR_ARG(text), d->token[i]);
	snprintf(path, sizeof(path), "%s/made", d->world);
	return house_write(path, text, f);
}

static bool tokens_read(demo *d)
{
	char path[DEMO_PATH_MAX + 8], edition[DEMO_TOKEN_MAX];
	int n = 0;

	snprintf(path, sizeof(path), "%s/made", d->world);
	FILE *in = fopen(path, "re");
	bool has_edition = in && fgets(edition, sizeof(edition), in);
	while (has_edition && n < CAST_TENANTS && fgets(d->token[n], DEMO_TOKEN_MAX, in)) {
		d->token[n][strcspn(d->token[n], "\n")] = 0;
		n++;
	}
	if (in)
		fclose(in);
	return n == CAST_TENANTS;
}

err setup_world(demo *d, int64_t start_ms, fault *f)
{
	bool is_made = tokens_read(d);
	err e = ERR_OK;

	if (!is_made)
		e = tenants_make(d, f);
	if (!e)
		e = quotas_set(d, f);
	if (!e && !is_made)
		e = tokens_make(d, f);
	if (!e)
		e = is_made ? clusters_again(d, start_ms, f) : clusters_make(d, start_ms, f);
	if (!e)
		e = clusters_wait(d, f);
	if (!e && !is_made)
		e = tokens_keep(d, f);
	return e;
}
