#include "cli/replay/fleet.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/id.h"
#include "json/write.h"

enum { PATH_BYTES = 4096, SCENE_BYTES_MAX = 64 << 20, CARD_MIB = 16384, POLL_MS = 50, AGENT_STOP_MS = 5000 };

static err class_make(replay_fleet *w, arena *a, str model, fault *f)
{
	buf b;
	js_writer j;
	str class = trace_class(a, model);

	buf_init(&b, 4096);
	j = js_writer_on(&b);
	js_object_begin(&j);
	js_put_text(&j, "vendor", S("replay"));
	js_put_i64(&j, "memory_mib", CARD_MIB);
	js_put_i64(&j, "slots", 1000);
	js_object_end(&j);
	const char *path = str_print(a, "/v1/device-classes/" STR_FMT "%c", STR_ARG(class), 0).p;
	const char *const only_new[] = {"If-None-Match: *", NULL};
	client_reply r = client_call(w->client, a, "PUT", path, only_new, buf_str(&b), 0);
	buf_done(&b);
	if (r.e)
		return fault_set(f, r.e, NULL, "%s%s: %s", w->server->url, path, r.why);
	/* 412: an earlier run made it. */
	return (r.status >= 200 && r.status < 300) || r.status == 412 ? ERR_OK : client_problem(&r, a, "PUT", path, f);
}

static err tenant_make(replay_fleet *w, arena *a, const char *name, const char *parent, fault *f)
{
	str body = parent ? str_print(a, "{\"name\":\"%s\",\"parent\":\"%s\"}", name, parent)
			  : str_print(a, "{\"name\":\"%s\"}", name);

	return client_send(w->client, a, "POST", "/v1/tenants", body, NULL, f);
}

static err tenants_make(replay_fleet *w, arena *a, fault *f)
{
	err e;

	snprintf(w->root, sizeof(w->root), "replay-%s", w->run);
	e = tenant_make(w, a, w->root, NULL, f);
	for (int64_t i = 0; i < w->tenants && !e; i++) {
		char name[32];
		snprintf(name, sizeof(name), "team-%lld", (long long)i + 1);
		snprintf(w->tenant[i], sizeof(w->tenant[i]), "%.24s/%s", w->root, name);
		e = tenant_make(w, a, name, w->root, f);
	}
	return e;
}

static err cluster_make(replay_fleet *w, arena *a, int64_t i, fault *f)
{
	str answer = STR_NONE;

	snprintf(w->cluster[i], sizeof(w->cluster[i]), "replay-%s-%lld", w->run, (long long)i + 1);
	err e = client_send(w->client, a, "POST", "/v1/clusters",
		str_print(a, "{\"name\":\"%s\",\"accept\":true}", w->cluster[i]), &answer, f);
	if (!e)
		snprintf(w->join[i], sizeof(w->join[i]), STR_FMT, STR_ARG(json_member(answer, "join_token", a)));
	return e;
}

/* Nodes go round the clusters, so that each has some of every kind. */
static void scene_print(const replay_fleet *w, arena *a, int64_t cluster, buf *out)
{
	js_writer j = js_writer_on(out);

	js_object_begin(&j);
	js_put_text(&j, "cluster_uid", str_print(a, "%s-%lld", w->run, (long long)cluster));
	js_key(&j, S("nodes"));
	js_array_begin(&j);
	for (uint32_t i = 0; i < w->trace->nodes.n; i++) {
		const trace_node *n = &w->trace->nodes.v[i];
		if (i % w->clusters != cluster)
			continue;
		js_object_begin(&j);
		js_put_text(&j, "name", n->name);
		js_put_i64(&j, "cpu_milli", n->cpu_milli);
		js_put_i64(&j, "memory_mib", n->memory_mib);
		js_put_i64(&j, "pods", TRACE_NODE_PODS_MAX);
		js_put_i64(&j, "rank", (int64_t)i + 1);
		js_key(&j, S("devices"));
		js_array_begin(&j);
		js_object_begin(&j);
		js_put_text(&j, "product", n->model);
		js_put_text(&j, "class", trace_class(a, n->model));
		js_put_i64(&j, "memory_mib", CARD_MIB);
		js_put_i64(&j, "count", n->gpus);
		js_object_end(&j);
		js_array_end(&j);
		js_object_end(&j);
	}
	js_array_end(&j);
	js_key(&j, S("pods"));
	js_object_begin(&j);
	js_put_i64(&j, "start_ms", 0);
	js_put_i64(&j, "runtime_ms", 0);
	js_put_i64(&j, "usage_interval_ms", 60000);
	js_object_end(&j);
	js_object_end(&j);
}

static err file_write(const char *path, str text, fault *f)
{
	FILE *out = fopen(path, "we");
	bool ok = out && fwrite(text.p, 1, text.n, out) == text.n;

	ok = out && fclose(out) == 0 && ok;
	return ok ? ERR_OK : fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
}

static err scene_write(const replay_fleet *w, arena *a, int64_t i, fault *f)
{
	char path[PATH_BYTES];
	buf b;
	err e;

	buf_init(&b, SCENE_BYTES_MAX);
	scene_print(w, a, i, &b);
	snprintf(path, sizeof(path), "%s/%s", w->folder, w->cluster[i]);
	if (mkdir(path, 0700) != 0 && errno != EEXIST)
		e = fault_set(f, ERR_IO, NULL, "cannot make %s: %s", path, strerror(errno));
	else {
		snprintf(path, sizeof(path), "%s/%s/scene.json", w->folder, w->cluster[i]);
		e = file_write(path, buf_str(&b), f);
	}
	buf_done(&b);
	return e;
}

static err agent_start(replay_fleet *w, int64_t i, fault *f)
{
	char state[PATH_BYTES], scene[PATH_BYTES + 16], join[PATH_BYTES + 16], log[PATH_BYTES + 16];

	snprintf(state, sizeof(state), "%s/%s", w->folder, w->cluster[i]);
	snprintf(scene, sizeof(scene), "%s/scene.json", state);
	snprintf(join, sizeof(join), "%s/join-token", state);
	snprintf(log, sizeof(log), "%s/log", state);
	char *const argv[] = {(char *)w->agent, "--server", (char *)w->server->url, "--ca", (char *)w->server->ca,
		"--state-dir", state, "--simulate", scene, "--join-token-file", join, NULL};
	err e = file_write(join, str_from(w->join[i]), f);
	return e ? e : spawn_start(&w->agents[i], argv, log, f);
}

void replay_fleet_tend(replay_fleet *w)
{
	fault f = {0};

	/* One that cannot be started now is tried again at the next turn. */
	for (int64_t i = 0; i < w->clusters; i++)
		if (spawn_has_ended(&w->agents[i]) && agent_start(w, i, &f))
			continue;
}

static err devices_known(replay_fleet *w, int64_t *ret, fault *f)
{
	err e = ERR_OK;

	*ret = 0;
	for (int64_t i = 0; i < w->clusters && !e; i++) {
		AUTO_ARENA a = arena_new(0);
		str answer = STR_NONE;
		int64_t n = 0;
		e = client_get(w->client, a, str_print(a, "/v1/clusters/%s%c", w->cluster[i], 0).p, &answer, f);
		if (!e && str_to_i64(json_member(answer, "devices", a), &n))
			*ret += n;
	}
	return e;
}

static err devices_wait(replay_fleet *w, int64_t timeout_ms, fault *f)
{
	int64_t deadline_us = clock_mono_us() + timeout_ms * 1000;
	int64_t known = 0;

	while (clock_mono_us() < deadline_us) {
		err e = devices_known(w, &known, f);
		if (!e && known == w->trace->gpus)
			return ERR_OK;
		replay_fleet_tend(w);
		clock_sleep_ms(POLL_MS);
	}
	return fault_set(f, ERR_TIMEOUT, NULL,
		"after %lld s the server knows %lld of %lld devices; see the agents' logs in %s",
		(long long)(timeout_ms / 1000), (long long)known, (long long)w->trace->gpus, w->folder);
}

static void run_name(replay_fleet *w)
{
	random_text(w->run, 8);
	for (char *p = w->run; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p - 'A' + 'a');
}

err replay_fleet_open(replay_fleet *w, int64_t timeout_ms, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	err e = ERR_OK;

	run_name(w);
	for (uint32_t i = 0; i < w->trace->n_models && !e; i++)
		e = class_make(w, a, w->trace->models[i], f);
	if (!e)
		e = tenants_make(w, a, f);
	for (int64_t i = 0; i < w->clusters && !e; i++)
		e = cluster_make(w, a, i, f);
	for (int64_t i = 0; i < w->clusters && !e; i++)
		e = scene_write(w, a, i, f);
	for (int64_t i = 0; i < w->clusters && !e; i++)
		e = agent_start(w, i, f);
	return e ? e : devices_wait(w, timeout_ms, f);
}

void replay_fleet_close(replay_fleet *w)
{
	spawn_stop(w->agents, (size_t)w->clusters, AGENT_STOP_MS);
}
