#include "base/clock.h"
#include "base/metric.h"
#include "db/sql.h"
#include "json/write.h"
#include "api/types/query.h"
#include "server/edge/feed.h"

enum { FEED_BEHIND_MAX_US = 5000000, PLACER_SILENT_MAX_MS = 10000 };

step health_live(request *r)
{
	return request_reply(r, 200, NULL, S("{\"status\":\"ok\"}"));
}

step health_ready(request *r)
{
	return request_fetch(r, DB_PLATFORM, SQL_FEED_HEADS, NULL, STEP_health_ready_reply);
}

typedef struct check {
	const char *name;
	bool is_ok;
	int64_t value;
} check;

static void checks_write(js_writer *w, const check *v, size_t n)
{
	js_key(w, S("checks"));
	js_array_begin(w);
	for (size_t i = 0; i < n; i++) {
		js_object_begin(w);
		js_put_text(w, "name", str_from(v[i].name));
		js_put_bool(w, "ok", v[i].is_ok);
		js_put_i64(w, "value_ms", v[i].value);
		js_object_end(w);
	}
	js_array_end(w);
}

step health_ready_reply(request *r)
{
	const ready_query *q = r->query;
	int64_t age_us = feed_age_us(r->edge->feed);
	bool is_up = !request_reply_failed(r) && r->reply.rows;
	int64_t beat_ms = is_up ? db_i64(&r->reply, 0, "beat_age_ms") : -1;
	const check checks[] = {
		{"database", is_up, (clock_mono_us() - r->web->begun_us) / 1000},
		{"feed", feed_is_up(r->edge->feed) && age_us < FEED_BEHIND_MAX_US, age_us / 1000},
		{"placer", is_up && beat_ms < PLACER_SILENT_MAX_MS, beat_ms},
		{"draining", !r->edge->is_draining, 0},
	};
	bool is_ready = true;
	js_writer w = js_writer_on(request_out(r));

	for (size_t i = 0; i < sizeof(checks) / sizeof(*checks); i++)
		is_ready &= checks[i].is_ok;
	js_object_begin(&w);
	js_put_text(&w, "status", is_ready ? S("ready") : S("not_ready"));
	if (q->verbose)
		checks_write(&w, checks, sizeof(checks) / sizeof(*checks));
	js_object_end(&w);
	return request_reply_out(r, is_ready ? 200 : 503);
}

step health_metrics(request *r)
{
	buf *out = request_out(r);

	metric_print(out);
	return request_reply(r, 200, "text/plain; version=0.0.4; charset=utf-8", buf_str(out));
}

step health_openapi(request *r)
{
	return request_reply(r, 200, NULL, buf_str(&r->edge->openapi));
}

step health_schema(request *r)
{
	return request_reply(r, 200, "application/schema+json", buf_str(&r->edge->manifest_schema));
}
