#include "server/edge/watch_stream.h"

#include <stdio.h>
#include <stdlib.h>
#include "base/clock.h"
#include "base/heap.h"
#include "db/row_json.h"
#include "db/sql.h"
#include "json/write.h"
#include "net/sse.h"
#include "server/edge/dispatch.h"
#include "server/edge/member.h"
#include "server/edge/permit.h"
#include "server/edge/problem.h"
#include "server/edge/recheck.h"
#include "server/edge/streams.h"

enum { BOOKMARK_MS = 15000, READ_MAX = 200, EVENT_BYTES_MAX = 8 << 20, CURSOR_TEXT = 48 };

/* A stage of the snapshot: a list, page by page. */
static const struct {
	watch_kind kind;
	sql_id stmt;
	op op;              /* whose answer it is */
	const char *tenant; /* the parameter that takes the tenant, or NULL */
} stages[] = {
	{WATCH_TENANT, SQL_TENANT_LIST, OP_TENANT_LIST, "under"},
	{WATCH_QUOTA, SQL_QUOTA_LIST, OP_QUOTA_GET, "tenant"},
	{WATCH_BUDGET, SQL_BUDGET_LIST, OP_BUDGET_LIST, "tenant"},
	{WATCH_CLUSTER, SQL_CLUSTER_LIST, OP_CLUSTER_LIST, NULL},
	{WATCH_DEVICE_CLASS, SQL_CLASS_LIST, OP_CLASS_LIST, NULL},
	{WATCH_BINDING, SQL_BINDING_LIST, OP_BINDING_LIST, "tenant"},
	{WATCH_PLACEMENT, SQL_PLACEMENT_LIST, OP_PLACEMENT_LIST, "tenant"},
	{WATCH_RESERVATION, SQL_RESERVATION_LIST, OP_RESERVATION_LIST, "tenant"},
	{WATCH_RAISE, SQL_RAISE_LIST, OP_RAISE_LIST, "tenant"},
	{WATCH_POLICY, SQL_POLICY_LIST, OP_POLICY_LIST, "tenant"},
	{WATCH_PRIORITY, SQL_PRIORITY_LIST, OP_PRIORITY_LIST, NULL},
	{WATCH_TRUST, SQL_TRUST_LIST, OP_TRUST_LIST, NULL},
};
enum { STAGES = sizeof(stages) / sizeof(*stages) };

typedef struct watch {
	feed_ear ear;
	edge *edge;
	web_stream *stream;
	principal *who;
	arena *arena; /* the plan's texts and keys */
	watch_plan plan;
	loop_timer *bookmark;
	feed_at at;
	uint64_t seq; /* place in the ring, while is_in_ring */
	bool is_in_ring, is_reading, is_over;
	bool must_check; /* the caller may have lost what they hold: nothing is shown until that is known */
	recheck check;
	uint32_t stage; /* STAGES: the snapshot is done */
	arena *page;    /* of the present stage: its last cursor and in-struct */
	str after;
	row_plan rows;
	buf text, data;
} watch;

bool feed_at_parse(str s, feed_at *ret)
{
	str g = str_split(&s, '.'), p = s;
	feed_at at;

	if (!str_starts(g, S("g")) || !p.p || !str_starts(p, S("p")))
		return false;
	if (!str_to_i64(str_cut(g, 1, g.n), &at.g) || !str_to_i64(str_cut(p, 1, p.n), &at.p) || at.g < 0 || at.p < 0)
		return false;
	*ret = at;
	return true;
}

static void watch_free(watch *w)
{
	buf_done(&w->text);
	buf_done(&w->data);
	arena_end(w->arena);
	arena_end(w->page);
	principal_unref(w->who);
	free(w);
}

/* The stream is gone; the memory too, unless a read is under way. */
static void watch_over(watch *w)
{
	w->is_over = true;
	w->edge->streams--;
	streams_count(w->edge, w->who, -1);
	feed_unlisten(w->edge->feed, &w->ear);
	loop_timer_free(w->bookmark);
	w->bookmark = NULL;
	if (!w->is_reading)
		watch_free(w);
}

/* Where the client may go on from. In a snapshot nowhere: a cursor given there would skip what it has not shown yet. */
static str cursor_of(const watch *w, char *text)
{
	if (w->plan.snapshot)
		return STR_NONE;
	int n = snprintf(text, CURSOR_TEXT, "g%lld.p%lld", (long long)w->at.g, (long long)w->at.p);
	return str_of(text, (size_t)n);
}

static void event_write(watch *w, const char *name, str data)
{
	char text[CURSOR_TEXT];
	str cursor = cursor_of(w, text);

	buf_clear(&w->text);
	if (w->plan.is_events) {
		sse_event(&w->text, cursor, str_from(name), data.n ? data : S("{}"));
	} else {
		buf_printf(&w->text, "{\"event\":\"%s\"", name);
		if (cursor.p)
			buf_printf(&w->text, ",\"cursor\":\"" STR_FMT "\"", STR_ARG(cursor));
		buf_add_str(&w->text, data.n > 2 ? S(",") : S("}\n"));
		if (data.n > 2) {
			buf_add_str(&w->text, str_cut(data, 1, data.n));
			buf_add_char(&w->text, '\n');
		}
	}
	web_stream_write(w->stream, buf_str(&w->text));
}

static void object_write(watch *w, bool is_put, watch_kind kind, str name, int64_t revision, str object)
{
	buf_clear(&w->data);
	js_writer js = js_writer_on(&w->data);

	js_object_begin(&js);
	js_put_text(&js, "kind", str_from(watch_kind_names[kind]));
	js_put_text(&js, "id", name);
	if (revision >= 0)
		js_put_i64(&js, "revision", revision);
	if (is_put)
		js_put_raw(&js, "object", object);
	js_object_end(&js);
	event_write(w, is_put ? "put" : "delete", buf_str(&w->data));
}

static bool key_is_followed(const watch *w, int32_t key)
{
	if (!w->plan.tenant.p)
		return true;
	for (uint32_t i = 0; i < w->plan.n_keys; i++)
		if (w->plan.keys[i] == key)
			return true;
	return false;
}

/* Clusters, classes and priorities belong to the whole fleet: the right to see them decides, wherever it is held. */
static bool is_of_fleet(watch_kind kind)
{
	return kind == WATCH_CLUSTER || kind == WATCH_DEVICE_CLASS || kind == WATCH_PRIORITY;
}

static bool is_below(str path, str top)
{
	return str_starts(path, top) && path.n > top.n && path.p[top.n] == '/';
}

/* A tenant made since the stream began, below what is followed: its rows are too. */
static void tenant_learn(watch *w, int32_t key, str path)
{
	principal_learn(w->who, key, path);
	if (w->plan.subtree && w->plan.tenant.p && is_below(path, w->plan.tenant)) {
		int32_t *keys = ARENA_ARRAY(w->arena, int32_t, w->plan.n_keys + 1);
		memcpy(keys, w->plan.keys, w->plan.n_keys * sizeof(*keys));
		keys[w->plan.n_keys++] = key;
		w->plan.keys = keys;
	}
}

static str object_of(const feed_event *ev)
{
	return ev->chain == 'p' ? member_find(ev->body, ev->kind)
				: member_find(member_find(ev->body, S("change")), S("object"));
}

/* What is written down of a cluster names a tenant: to whoever may not see that one it is not shown, as by GET. */
static bool is_hidden(const watch *w, str path)
{
	return path.p && !rights_hold(grants_at(&w->who->grants, path), RIGHT_TENANT_READ);
}

static void event_object_write(watch *w, const feed_event *ev, watch_kind kind, str object)
{
	buf shown;

	if (!is_hidden(w, member_text(object, S("default_tenant")))) {
		object_write(w, true, kind, ev->id, ev->n, object);
		return;
	}
	buf_init(&shown, EVENT_BYTES_MAX);
	member_leave_out(&shown, object, S("default_tenant"));
	object_write(w, true, kind, ev->id, ev->n, buf_str(&shown));
	buf_done(&shown);
}

static void event_show(watch *w, const feed_event *ev)
{
	int kind = watch_kind_find(ev->kind);
	bool is_put = !str_ends(ev->action, S(".delete"));

	str object = object_of(ev);

	if (kind < 0 || !str_eq(ev->outcome, S("done")))
		return;
	if (str_eq(ev->action, S("tenant.create")))
		tenant_learn(w, ev->tenant_key, member_text(object, S("path")));
	if (!(w->plan.kinds >> kind & 1))
		return;
	if (!is_of_fleet((watch_kind)kind) &&
		(!principal_sees(w->who, ev->tenant_key) ||
			!permit_at(w->who, watch_kind_right((watch_kind)kind), ev->tenant_key) ||
			!key_is_followed(w, ev->tenant_key)))
		return;
	/* Records that change nothing a client sees, as the renewal of a certificate. */
	if (is_put && !object.p)
		return;
	if (is_put)
		event_object_write(w, ev, (watch_kind)kind, object);
	else
		object_write(w, false, (watch_kind)kind, ev->id, ev->n, STR_NONE);
}

/* A binding's subject, as its record shows it: one that was deleted shows none. */
static bool is_of_caller(const watch *w, str subject)
{
	return !subject.p || memchr(subject.p, '\\', subject.n) || principal_stands_on(w->who, subject);
}

/* What they hold is perhaps not what it was: a credential or a binding behind it, or a tenant it is held at. */
static bool is_about_caller(const watch *w, const feed_event *ev)
{
	if (ev->chain != 'g' || !str_eq(ev->outcome, S("done")))
		return false;
	if (str_eq(ev->kind, S("token")) || str_eq(ev->kind, S("trust")))
		return principal_stands_on(w->who, ev->id);
	/* The provider ends sessions by other names than ours. */
	if (str_eq(ev->action, S("session.logout")))
		return str_starts(str_from(w->who->id), S("ses_"));
	if (str_eq(ev->kind, S("binding")))
		return is_of_caller(w, member_text(object_of(ev), S("subject")));
	/* One that changes may have moved, with all below it; one that is made has not. */
	return str_eq(ev->kind, S("tenant")) && !str_eq(ev->action, S("tenant.create"));
}

/* Events up to w->at were shown. */
static void event_take(watch *w, const feed_event *ev)
{
	int64_t *at = ev->chain == 'g' ? &w->at.g : &w->at.p;

	if (ev->n <= *at)
		return;
	*at = ev->n;
	w->must_check |= is_about_caller(w, ev);
	event_show(w, ev);
}

static void watch_pump(watch *w);

static bool may_show(const watch *w)
{
	return !w->must_check && !web_stream_is_full(w->stream);
}

/* The last words of a stream that must end. */
static void watch_fail(watch *w, err e)
{
	problem p = {.e = e, .instance = S("")};
	buf text;

	buf_init(&text, EVENT_BYTES_MAX);
	problem_write(&text, &p);
	event_write(w, "error", buf_str(&text));
	buf_done(&text);
	web_stream_end(w->stream);
	watch_over(w);
}

/* A read came back: false when nobody is there any more, and w is gone. */
static bool read_came(watch *w)
{
	bool is_over = w->is_over;

	w->is_reading = false;
	if (is_over)
		watch_free(w);
	return !is_over;
}

typedef union watch_in {
	sql_feed_audit_in audit;
	sql_feed_decisions_in decisions;
} watch_in;

static void audit_came(void *arg, db_reply *reply)
{
	watch *w = arg;
	sql_feed_audit_row row;
	fault f;

	if (!read_came(w))
		return;
	if (reply->e) {
		watch_fail(w, ERR_UNAVAILABLE);
		return;
	}
	/* Records have no gaps: what is not there is kept no longer. */
	if (!reply->rows || db_i64(reply, 0, "n") > w->at.g + 1) {
		watch_fail(w, ERR_CURSOR_COMPACTED);
		return;
	}
	for (uint32_t i = 0; i < reply->rows && may_show(w); i++)
		if (!db_row(reply, i, &row, &f))
			event_take(w, &(feed_event){'g', row.n, (int32_t)row.tenant_key, 0, row.action, row.object_kind,
					      row.object_id, row.outcome, row.body});
	watch_pump(w);
}

static void decisions_came(void *arg, db_reply *reply)
{
	watch *w = arg;
	sql_feed_decisions_row row;
	fault f;

	if (!read_came(w))
		return;
	if (reply->e) {
		watch_fail(w, ERR_UNAVAILABLE);
		return;
	}
	if (!reply->rows)
		w->at.p = feed_floor(w->edge->feed).p;
	for (uint32_t i = 0; i < reply->rows && may_show(w); i++)
		if (!db_row(reply, i, &row, &f))
			event_take(w, &(feed_event){'p', row.n, (int32_t)row.tenant_key, 0, row.action,
					      decision_kind(row.action), row.placement_id, S("done"), row.body});
	watch_pump(w);
}

/* The next records behind w->at that the ring no longer holds. */
static void history_read(watch *w)
{
	bool is_g_behind = w->at.g < feed_floor(w->edge->feed).g;
	arena_end(w->page);
	w->page = arena_new(0);
	watch_in *in = ARENA_NEW(w->page, watch_in);

	w->is_reading = true;
	if (is_g_behind) {
		in->audit = (sql_feed_audit_in){w->at.g, READ_MAX};
		db_read(w->edge->reader, DB_PLATFORM, SQL_FEED_AUDIT, in, audit_came, w);
	} else {
		in->decisions = (sql_feed_decisions_in){w->at.p, READ_MAX};
		db_read(w->edge->reader, DB_PLATFORM, SQL_FEED_DECISIONS, in, decisions_came, w);
	}
}

static bool object_is_followed(const watch *w, str path)
{
	return !w->plan.tenant.p || str_eq(path, w->plan.tenant) || (w->plan.subtree && is_below(path, w->plan.tenant));
}

static void row_show(watch *w, const db_reply *reply, uint32_t i)
{
	sql_id s = reply->stmt;
	buf object;
	str name = db_text(reply, i, sql_column(s, S("id")) ? "id" : "name");
	const char *path = sql_column(s, S("path")) ? "path" : sql_column(s, S("tenant")) ? "tenant" : NULL;

	if (path && !object_is_followed(w, db_text(reply, i, path)))
		return;
	buf_init(&object, EVENT_BYTES_MAX);
	js_writer js = js_writer_on(&object);
	row_write(&js, &w->rows, reply, i);
	object_write(w, true, stages[w->stage].kind, name, member_i64(buf_str(&object), S("revision"), -1),
		buf_str(&object));
	buf_done(&object);
}

static void stage_next(watch *w)
{
	w->stage++;
	w->after = S("");
}

static void page_came(void *arg, db_reply *reply)
{
	watch *w = arg;
	uint32_t i = 0;

	if (!read_came(w))
		return;
	if (reply->e) {
		watch_fail(w, ERR_UNAVAILABLE);
		return;
	}
	arena *kept = arena_new(0);
	str after = w->after;
	for (; i < reply->rows && !web_stream_is_full(w->stream); i++) {
		row_show(w, reply, i);
		after = db_text(reply, i, "cursor");
	}
	bool is_last = i == reply->rows && reply->rows < READ_MAX;
	w->after = str_dup(kept, after);
	arena_end(w->page);
	w->page = kept;
	if (is_last)
		stage_next(w);
	watch_pump(w);
}

static void page_read(watch *w)
{
	sql_id s = stages[w->stage].stmt;
	const char *tenant = stages[w->stage].tenant;
	fault f;
	void *in = arena_alloc(w->page, sql_stmts[s].in_size);

	if (row_plan_make(routes[stages[w->stage].op].answer, s, &w->rows, &f)) {
		stage_next(w);
		return;
	}
	for (uint16_t i = 0; i < sql_stmts[s].in_n; i++)
		if (sql_stmts[s].in[i].nullable)
			sql_put_null(s, in, str_from(sql_stmts[s].in[i].name));
	if (tenant && w->plan.tenant.p) {
		sql_put_text(s, in, str_from(tenant), w->plan.tenant);
		sql_put_bool(s, in, S("subtree"), w->plan.subtree);
	}
	sql_put_text(s, in, S("after"), w->after);
	sql_put_i64(s, in, S("limit"), READ_MAX);
	w->is_reading = true;
	db_read(w->edge->reader, permit_scope(w->who, watch_kind_right(stages[w->stage].kind)), s, in, page_came, w);
}

/* True while there is something of the snapshot to wait for. */
static bool snapshot_go(watch *w)
{
	if (!w->plan.snapshot)
		return false;
	while (w->stage < STAGES && !(w->plan.kinds >> stages[w->stage].kind & 1))
		stage_next(w);
	if (w->stage < STAGES) {
		page_read(w);
		return true;
	}
	w->plan.snapshot = false;
	event_write(w, "initial-end", S("{}"));
	return false;
}

static void ring_go(watch *w)
{
	bool is_lost = false;
	const feed_event *ev;

	while (may_show(w) && (ev = feed_ring_at(w->edge->feed, w->seq, &is_lost))) {
		w->seq++;
		event_take(w, ev);
	}
	w->is_in_ring = !is_lost;
	if (is_lost || w->must_check)
		watch_pump(w);
}

static void checked(recheck *c, err e, principal *now)
{
	watch *w = (watch *)((char *)c - offsetof(watch, check));

	if (!read_came(w)) {
		principal_unref(now);
		return;
	}
	if (e) {
		watch_fail(w, e);
		return;
	}
	principal_unref(w->who);
	w->who = now;
	watch_pump(w);
}

static void check_begin(watch *w)
{
	w->must_check = false;
	w->is_reading = true;
	recheck_begin(&w->check, w->edge, w->who, checked);
}

static void watch_pump(watch *w)
{
	if (w->is_over || w->is_reading)
		return;
	if (w->must_check) {
		check_begin(w);
		return;
	}
	if (web_stream_is_full(w->stream) || snapshot_go(w))
		return;
	if (!w->is_in_ring)
		w->is_in_ring = feed_ring_find(w->edge->feed, w->at, &w->seq);
	if (w->is_in_ring)
		ring_go(w);
	else
		history_read(w);
}

static void watch_heard(feed_ear *ear)
{
	watch_pump((watch *)ear);
}

static void watch_drained(void *arg)
{
	watch_pump(arg);
}

static void watch_closed(void *arg)
{
	watch_over(arg);
}

/* A grant that ends is noticed when it does. */
static void bookmark_arm(watch *w)
{
	int64_t left_us = w->who->until_us - clock_now_us(), most_us = BOOKMARK_MS * 1000;

	if (left_us < 0)
		left_us = 0;
	loop_timer_arm(w->bookmark, left_us < most_us ? left_us + 1000 : most_us);
}

static void bookmark_due(void *arg)
{
	watch *w = arg;

	if (w->who->expires_at_us <= clock_now_us()) {
		watch_fail(w, ERR_TOKEN_EXPIRED);
		return;
	}
	if (!w->plan.snapshot && !web_stream_is_full(w->stream))
		event_write(w, "bookmark", S("{}"));
	bookmark_arm(w);
	w->must_check = true;
	watch_pump(w);
}

static watch *watch_new(request *r, const watch_plan *p)
{
	watch *w = heap_new(1, sizeof(*w));

	w->edge = r->edge;
	w->who = principal_copy(r->who);
	w->arena = arena_new(0);
	w->page = arena_new(0);
	w->plan = *p;
	w->plan.tenant = str_dup(w->arena, p->tenant);
	if (p->n_keys) {
		w->plan.keys = ARENA_ARRAY(w->arena, int32_t, p->n_keys);
		memcpy(w->plan.keys, p->keys, p->n_keys * sizeof(*p->keys));
	}
	w->at = p->since;
	w->after = S("");
	buf_init(&w->text, EVENT_BYTES_MAX);
	buf_init(&w->data, EVENT_BYTES_MAX);
	return w;
}

step watch_stream_begin(request *r, const watch_plan *p)
{
	watch *w = watch_new(r, p);
	edge *e = r->edge;
	const char *type = p->is_events ? "text/event-stream" : "application/x-ndjson";
	step did = request_became_stream(r, &w->stream, 200, type);

	e->streams++;
	streams_count(e, w->who, 1);
	web_stream_on(w->stream, watch_drained, watch_closed, w);
	w->bookmark = loop_timer_new(e->loop, bookmark_due, w);
	bookmark_arm(w);
	w->ear.on_events = watch_heard;
	feed_listen(e->feed, &w->ear);
	watch_pump(w);
	return did;
}
