#include "server/edge/request.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>
#include "base/clock.h"
#include "base/log.h"
#include "db/sql.h"
#include "server/edge/denial.h"
#include "server/edge/edge.h"
#include "server/edge/limit.h"
#include "server/edge/old.h"
#include "server/edge/permit.h"
#include "server/edge/problem.h"

enum {
	ID_LEAST = 8,
	COUNT_CHARS = 8,
	COUNT_BITS = 5,
	TRAIL_LINE_MAX = 160,
	STATUS_SERVER_ERROR = 500,
	STATUS_UNAUTHORIZED = 401
};

static const struct {
	const char *name;
	step (*run)(request *r);
} steps[] = {
	[STEP_NONE] = {"none", NULL},
#define STEP(name) [STEP_##name] = {#name, name},
#include "server/edge/steps.def"
#undef STEP
};

/* The last steps of this process, for the crash log: the one thing here that outlives requests and is not an edge's. */
static struct trail {
	uint32_t at;
	struct {
		char id[REQUEST_ID_MAX];
		step_id step;
		int64_t at_us;
	} v[TRAIL_MAX];
} trail;

static void trail_note(const request *r, step_id s)
{
	uint32_t i = trail.at++ % TRAIL_MAX;

	memcpy(trail.v[i].id, r->id, sizeof(r->id));
	trail.v[i].step = s;
	trail.v[i].at_us = clock_mono_us();
}

void request_trail_dump(void)
{
	char line[TRAIL_LINE_MAX];
	uint32_t n = trail.at < TRAIL_MAX ? trail.at : TRAIL_MAX;

	for (uint32_t k = trail.at - n; k != trail.at; k++) {
		uint32_t i = k % TRAIL_MAX;
		int len = snprintf(line, sizeof(line), "step=%s request=%s at_us=%lld\n", steps[trail.v[i].step].name,
			trail.v[i].id, (long long)trail.v[i].at_us);
		if (len > 0 && write(STDERR_FILENO, line, (size_t)len) < 0)
			return;
	}
}

/* A ULID whose last characters count: no system call and no random bytes per request. */
static void id_mint(edge *e, char out[REQUEST_ID_MAX])
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint64_t n = e->id_count++;
	size_t end = strlen(e->id_prefix);

	memcpy(out, e->id_prefix, end + 1);
	for (size_t i = 0; i < COUNT_CHARS; i++, n >>= COUNT_BITS)
		out[end - 1 - i] = digits[n & 31];
}

static bool id_is_fine(str s)
{
	if (s.n < ID_LEAST || s.n >= REQUEST_ID_MAX)
		return false;
	for (uint32_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
		if (!is_alnum && c != '.' && c != '_' && c != '-')
			return false;
	}
	return true;
}

request *request_new(edge *e, web_req *w)
{
	request *r = ARENA_NEW(w->arena, request);
	str given = web_header_find(w, S("X-Request-Id"));

	*r = (request){.edge = e, .web = w, .arena = w->arena, .if_rev = IF_ANY};
	if (id_is_fine(given))
		memcpy(r->id, given.p, given.n);
	else
		id_mint(e, r->id);
	traceparent_begin(&e->traces, web_header_find(w, S("traceparent")), &r->trace);
	w->work = r;
	r->held_bytes = w->body.n;
	e->held_bytes += w->body.n;
	return r;
}

static void run(request *r)
{
	step did;

	assert(!r->is_running);
	r->is_running = true;
	do {
		step_id at = r->next;
		r->next = STEP_NONE;
		r->moves = 0;
		trail_note(r, at);
		did = steps[at].run(r);
		assert(did == STEP_ENDED || (r->moves == 1 && r->next != STEP_NONE));
	} while (did == STEP_WENT_ON);
	if (did == STEP_PARKED)
		r->is_running = false;
}

void request_start(request *r, step_id first)
{
	r->next = first;
	run(r);
}

static void move(request *r, step_id next)
{
	assert(r->moves == 0);
	r->moves = 1;
	r->next = next;
}

step step_next(request *r, step_id next)
{
	move(r, next);
	return STEP_WENT_ON;
}

step request_park(request *r, owner by, step_id next)
{
	assert(r->owner == OWNER_NONE);
	move(r, next);
	r->owner = by;
	return STEP_PARKED;
}

void request_resume(request *r)
{
	assert(r->owner != OWNER_NONE);
	r->owner = OWNER_NONE;
	run(r);
}

static void resume_later(void *arg)
{
	request_resume(arg);
}

void request_resume_soon(request *r)
{
	loop_defer(r->edge->loop, resume_later, r);
}

static void held_add(request *r)
{
	edge *e = r->edge;

	r->held_prev = NULL;
	r->held_next = e->held;
	if (e->held)
		e->held->held_prev = r;
	e->held = r;
}

static void held_remove(request *r)
{
	if (r->held_next)
		r->held_next->held_prev = r->held_prev;
	if (r->held_prev)
		r->held_prev->held_next = r->held_next;
	else
		r->edge->held = r->held_next;
}

static void hold_end(request *r)
{
	held_remove(r);
	if (r->on_release)
		r->on_release(r);
	r->on_release = NULL;
	r->web->on_gone = NULL;
	if (r->timer)
		loop_timer_disarm(r->timer);
	loop_defer(r->edge->loop, resume_later, r);
}

static void hold_is_late(void *arg)
{
	request *r = arg;

	r->is_late = true;
	hold_end(r);
}

static void hold_is_gone(web_req *w)
{
	hold_end(w->work);
}

void request_wake_all(edge *e)
{
	while (e->held)
		hold_is_late(e->held);
}

void request_wake(request *r)
{
	assert(r->owner == OWNER_FEED);
	hold_end(r);
}

step request_hold(request *r, int64_t wait_ms, void (*on_release)(request *r), step_id next)
{
	step did = request_park(r, OWNER_FEED, next);

	r->is_late = false;
	r->on_release = on_release;
	r->web->on_gone = hold_is_gone;
	if (!r->timer)
		r->timer = loop_timer_new(r->edge->loop, hold_is_late, r);
	held_add(r);
	if (r->edge->is_draining)
		hold_is_late(r);
	else if (r->web->is_gone)
		hold_end(r);
	else
		loop_timer_arm(r->timer, wait_ms * 1000);
	return did;
}

static void db_answered(void *arg, db_reply *reply)
{
	request *r = arg;

	if (!r->keeps_no_replies)
		db_keep(reply, r->arena);
	r->reply = *reply;
	request_resume(r);
}

step request_fetch(request *r, db_scope scope, sql_id s, const void *in, step_id next)
{
	step did = request_park(r, OWNER_READER, next);

	db_read(r->edge->reader, scope, s, in, db_answered, r);
	return did;
}

step request_fetch_slow(request *r, sql_id s, const void *in, step_id next)
{
	step did = request_park(r, OWNER_READER, next);

	db_read(edge_slow_reader(r->edge), DB_PLATFORM, s, in, db_answered, r);
	return did;
}

step request_write(request *r, uint64_t key, sql_id s, const void *in, step_id next)
{
	step did = request_park(r, OWNER_LANE, next);
	lane *l = request_is_for_fleet(r) ? r->edge->platform_lane : r->edge->tenant_lane;

	lane_run(l, key, request_scope(r), s, in, db_answered, r);
	return did;
}

static void stored(intake_ask *a, err e, const fault *f)
{
	request *r = a->arg;

	r->reply = (db_reply){.e = e, .stmt = SQL_INBOX_STORE, .f = *f};
	request_resume(r);
}

step request_store(request *r, intake_ask *a, step_id next)
{
	step did = request_park(r, OWNER_LANE, next);

	a->scope = request_scope(r);
	a->scope_owner = request_is_for_fleet(r) ? NULL : r->who;
	a->actor = request_actor(r);
	a->request_id = str_from(r->id);
	a->on_done = stored;
	a->arg = r;
	intake_add(request_is_for_fleet(r) ? r->edge->platform_intake : r->edge->tenant_intake, a);
	return did;
}

static void ledger_answered(ledger_op *entry, const ledger_answer *a)
{
	request *r = entry->arg;

	r->answer = a;
	/* What was made meanwhile is out of sight until it is read again. */
	if (a->e == ERR_SCOPE_MOVED && r->who && !r->is_again)
		r->next = STEP_gate_reread;
	request_resume(r);
}

static step govern(request *r, bool is_platform, step_id next)
{
	ledger_op *entry = r->ledger_op;
	step did = request_park(r, OWNER_LEDGER, next);

	entry->scope = is_platform ? DB_PLATFORM : request_scope(r);
	entry->actor = request_actor(r);
	entry->via = r->acts_via.p ? r->acts_via : r->agent ? S("agent") : S("api");
	entry->request_id = str_from(r->id);
	entry->on_done = ledger_answered;
	entry->arg = r;
	if (!entry->tenant_key) {
		entry->tenant_key = r->who ? r->who->tenant_key : 1;
		entry->tenant = r->who ? str_from(r->who->tenant) : STR_NONE;
	}
	entry->is_dry = r->is_dry;
	if (r->idempotency_key.p && !r->is_dry) {
		entry->key = r->idempotency_key;
		memcpy(entry->fingerprint, r->fingerprint, sizeof(entry->fingerprint));
	}
	ledger_run(is_platform ? r->edge->platform_ledger : r->edge->tenant_ledger, entry);
	return did;
}

step request_govern(request *r, step_id next)
{
	return govern(r, request_is_for_fleet(r), next);
}

step request_govern_platform(request *r, step_id next)
{
	return govern(r, true, next);
}

void request_header(request *r, const char *name, str value)
{
	r->extra_headers =
		str_print(r->arena, STR_FMT "%s: " STR_FMT "\r\n", STR_ARG(r->extra_headers), name, STR_ARG(value));
}

static str head_of(request *r, const char *type, bool has_body)
{
	buf *h = &r->edge->head;
	char parent[TRACEPARENT_MAX];

	buf_clear(h);
	traceparent_print(&r->trace, parent);
	if (has_body) {
		buf_add_str(h, S("Content-Type: "));
		buf_add_str(h, str_from(type));
		buf_add_str(h, S("\r\n"));
	}
	buf_add_str(h, S("X-Request-Id: "));
	buf_add_str(h, str_from(r->id));
	buf_add_str(h, S("\r\ntraceparent: "));
	buf_add_str(h, str_from(parent));
	buf_add_str(h, r->is_cacheable ? S("\r\nCache-Control: no-cache") : S("\r\nCache-Control: no-store"));
	buf_add_str(h, S("\r\nX-Content-Type-Options: nosniff\r\n"));
	buf_add_str(h, r->rate_lines);
	old_tell(r, h);
	if (r->is_dry)
		buf_add_str(h, S("Dry-Run: true\r\n"));
	if (r->extra_headers.n)
		buf_add_str(h, r->extra_headers);
	return buf_str(h);
}

static void let_go(request *r)
{
	r->edge->held_bytes -= r->held_bytes;
	principal_unref(r->who);
	loop_timer_free(r->timer);
	r->web->on_gone = NULL;
}

/* What a sign-in carries in its address lets in whoever reads it in time. */
static str told_target(const request *r)
{
	bool is_open = r->route && r->route->right != RIGHT_NONE;

	return is_open ? r->web->target : r->web->path;
}

static void log_end(const request *r, int status)
{
	if (status >= STATUS_SERVER_ERROR && r->op != OP_READYZ)
		log_error("request.end", KV_Z("request", r->id), KV_Z("trace", r->trace.id),
			KV("target", told_target(r)), KV_I64("status", status), KV_Z("pointer", r->fault.pointer),
			KV_Z("detail", r->fault.detail));
	else
		log_debug("request.end", KV_Z("request", r->id), KV_Z("trace", r->trace.id),
			KV("target", told_target(r)), KV_I64("status", status));
}

step request_reply(request *r, int status, const char *type, str body)
{
	assert(r->moves == 0);
	str head = head_of(r, type ? type : "application/json", body.n > 0);

	log_end(r, status);
	let_go(r);
	web_reply(r->web, status, head, body);
	return STEP_ENDED;
}

buf *request_out(request *r)
{
	buf_clear(&r->edge->out);
	return &r->edge->out;
}

step request_reply_out(request *r, int status)
{
	if (r->edge->out.over)
		return request_fail_at(r, ERR_INTERNAL, "", "the answer is too large");
	return request_reply(r, status, NULL, buf_str(&r->edge->out));
}

/* Statements end such a detail with the present revision. */
static str etag_in(arena *a, const fault *f)
{
	str s = str_from(f->detail);
	uint32_t at = s.n;

	while (at && s.p[at - 1] >= '0' && s.p[at - 1] <= '9')
		at--;
	return at < s.n ? str_print(a, "\"" STR_FMT "\"", STR_ARG(str_cut(s, at, s.n))) : STR_NONE;
}

step request_fail(request *r, err e)
{
	if (e == ERR_TOKEN_INVALID && !r->is_no_guess)
		e = limit_guess(r);
	problem p = {
		.e = e,
		.fault = &r->fault,
		.instance = str_from(r->id),
		.violated = r->violated,
		.claim = r->claim,
		.is_oauth = r->route && (r->route->flags & ROUTE_FORM),
	};
	buf *out = request_out(r);

	if ((e == ERR_NOT_FOUND || e == ERR_UNKNOWN_TENANT) && denial_may_explain(r))
		return denial_explain(r, e);
	if (err_status(e) == STATUS_UNAUTHORIZED)
		denial_count(r, e);
	if (e == ERR_ETAG_MISMATCH)
		p.current_etag = etag_in(r->arena, &r->fault);
	problem_write(out, &p);
	buf *head = &r->edge->head;
	buf_clear(head);
	problem_headers(head, &p);
	r->extra_headers = str_print(r->arena, STR_FMT STR_FMT, STR_ARG(r->extra_headers), STR_ARG(buf_str(head)));
	if (e != problem_err(e) && !r->fault.detail[0])
		fault_set(&r->fault, e, "", "%s", err_title(e));
	return request_reply(r, err_status(problem_err(e)), "application/problem+json", buf_str(out));
}

step request_fail_at(request *r, err e, const char *pointer, const char *detail, ...)
{
	char text[FAULT_DETAIL_MAX];
	va_list args;

	va_start(args, detail);
	vsnprintf(text, sizeof(text), detail, args);
	va_end(args);
	fault_set(&r->fault, e, pointer, "%s", text);
	return request_fail(r, e);
}

bool request_reply_failed(const request *r)
{
	return r->reply.e != ERR_OK;
}

step request_fail_reply(request *r)
{
	r->fault = r->reply.f;
	return request_fail(r, r->reply.e);
}

step request_became_stream(request *r, web_stream **ret, int status, const char *type)
{
	assert(r->moves == 0);
	web_req *w = r->web;
	str head = head_of(r, type, true);

	let_go(r);
	*ret = web_stream_open(w, status, head);
	return STEP_ENDED;
}

db_scope request_scope(const request *r)
{
	return request_scope_of(r, r->route->right);
}

db_scope request_scope_of(const request *r, right needed)
{
	return r->who ? permit_scope(r->who, needed) : DB_PLATFORM;
}

bool request_is_for_fleet(const request *r)
{
	return request_scope(r).kind == DB_SCOPE_PLATFORM;
}

str request_actor(const request *r)
{
	if (r->acts_as.p)
		return r->acts_as;
	if (r->who)
		return str_from(r->who->id);
	return r->agent ? str_from(r->agent->cluster_id) : S("join");
}
