/* fixture: what the agent's tests share: a folder that goes away, and the server's messages in few words. */
#pragma once
#include <criterion/criterion.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include "agents/cluster/agent.h"
#include "agents/file.h"
#include "agents/simulate/simulate.h"
#include "json/write.h"

#define T0     ((int64_t)1800000000 * 1000000)
#define MS(ms) ((int64_t)(ms)*1000)

typedef struct folder {
	char path[64], facts[96], reality[96];
} folder;

static inline folder folder_new(void)
{
	folder d = {.path = "/tmp/reeve-agents-XXXXXX"};

	cr_assert(mkdtemp(d.path));
	(void)snprintf(d.facts, sizeof(d.facts), "%s/agent.journal", d.path);
	(void)snprintf(d.reality, sizeof(d.reality), "%s/cluster.journal", d.path);
	return d;
}

static inline void folder_free(const folder *d)
{
	DIR *all = opendir(d->path);

	for (struct dirent *e; all && (e = readdir(all));)
		if (e->d_name[0] != '.')
			(void)unlinkat(dirfd(all), e->d_name, 0);
	if (all)
		closedir(all);
	(void)rmdir(d->path);
}

#define MUST(call)                                                                                                     \
	do {                                                                                                           \
		fault must = {0};                                                                                      \
		err must_e = (call);                                                                                   \
		cr_assert_eq(must_e, ERR_OK, "%s: %s %s", #call, must.pointer, must.detail);                           \
	} while (0)

/* Two nodes with two devices of 80,000 MiB each, one pod per placement. */
#define SCENE(pods)                                                                                                    \
	"{\"cluster_uid\":\"sim\",\"nodes\":[{\"name\":\"n1\",\"cpu_milli\":64000,\"memory_mib\":500000,\"devices\":[" \
	"{\"product\":\"H100\",\"class\":\"h100-80g\",\"memory_mib\":80000,\"count\":2}]},{\"name\":\"n2\","           \
	"\"cpu_milli\":64000,\"memory_mib\":500000,\"devices\":[{\"product\":\"H100\",\"class\":\"h100-80g\","         \
	"\"memory_mib\":80000,\"count\":2}]}],\"pods\":{" pods "}}"

/* One order of the server for one pod with at most one slice. uuid NULL: host resources only. */
typedef struct wish {
	const char *action, *id, *fence, *node, *uuid;
	int64_t memory_mib, compute_milli;
	const char *labels;
	int64_t max_runtime_s;
	const char *profile; /* NULL: a share */
	int64_t start;
	int64_t overcommit_ppm; /* 0: not said */
} wish;

static inline void wish_write(js_writer *w, const wish *q)
{
	js_object_begin(w);
	js_put_text(w, "id", str_from(q->id));
	js_put_text(w, "tenant", S("acme"));
	js_put_text(w, "state", S("granted"));
	js_put_text(w, "fence", str_from(q->fence));
	js_key(w, S("placed"));
	js_array_begin(w);
	if (q->node) {
		placed_device d = {.uuid = str_from(q->uuid),
			.memory_mib = q->memory_mib,
			.compute_milli = q->compute_milli,
			.compute_overcommit_ppm = q->overcommit_ppm};
		if (q->profile) {
			d.mig_profile = str_from(q->profile);
			d.start = q->start;
			js_give(&placed_device_type, &d, "start");
		}
		placed_pod pod = {.group = S("main"), .node = str_from(q->node), .cpu_milli = 1000, .memory_mib = 1000};
		pod.devices = (js_list){&d, q->uuid != NULL};
		js_write(w, &placed_pod_type, &pod);
	}
	js_array_end(w);
	js_key(w, S("request"));
	js_object_begin(w);
	js_put_text(w, "tenant", S("acme"));
	js_put_i64(w, "max_runtime_s", q->max_runtime_s);
	if (q->labels)
		js_put_raw(w, "labels", str_from(q->labels));
	js_object_end(w);
	js_object_end(w);
}

static inline void change_write(js_writer *w, int64_t rev, const wish *q)
{
	js_object_begin(w);
	js_put_i64(w, "rev", rev);
	js_put_text(w, "action", str_from(q->action));
	js_key(w, S("placement"));
	wish_write(w, q);
	js_object_end(w);
}

/* A sync answer that holds the n wishes as revisions from first_rev on. */
static inline str answer_write(arena *a, int64_t incarnation, int64_t first_rev, const wish *q, uint32_t n)
{
	buf b;

	buf_init(&b, 64 << 20);
	js_writer w = js_writer_on(&b);
	js_object_begin(&w);
	js_put_i64(&w, "term", 1);
	js_put_i64(&w, "incarnation", incarnation);
	js_put_i64(&w, "rev", first_rev + n - 1);
	js_key(&w, S("changes"));
	js_array_begin(&w);
	for (uint32_t i = 0; i < n; i++)
		change_write(&w, first_rev + i, &q[i]);
	js_array_end(&w);
	js_put_i64(&w, "config_rev", 0);
	js_object_end(&w);
	cr_assert(!b.over);
	str text = str_dup(a, buf_str(&b));
	buf_done(&b);
	return text;
}

/* The steps and usage of a report, one per line: "plc_a 1.1 running", "plc_a 1.1 usage 1000". Strictly read. */
static inline str report_tell(arena *a, str body, report *ret)
{
	buf b;

	MUST(js_read(&report_type, body, a, ret, &must));
	buf_init(&b, 64 << 20);
	const report_item *i = ret->items.v;
	for (uint32_t k = 0; k < ret->items.n; k++) {
		str what = str_eq(i[k].kind, S("step")) ? i[k].state : i[k].kind;
		if (i[k].placement.n)
			buf_printf(&b, STR_FMT " " STR_FMT " ", STR_ARG(i[k].placement), STR_ARG(i[k].fence));
		buf_printf(&b, STR_FMT, STR_ARG(what));
		if (i[k].window_ms)
			buf_printf(&b, " %lld", (long long)i[k].window_ms);
		buf_add_char(&b, '\n');
	}
	str text = str_dup(a, buf_str(&b));
	buf_done(&b);
	return text;
}
