#include "agents/kube/follow.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/backoff.h"
#include "agents/kube/known.h"
#include "base/buf.h"
#include "base/id.h"

enum { PATH_MAX_BYTES = 4096, TOKEN_MAX_BYTES = 4096 };

/* What comes after the call at hand. */
typedef enum follow_then {
	THEN_DECIDE, /* by how it ended */
	THEN_LIST,   /* from the beginning */
	THEN_STREAM, /* at once */
	THEN_WAIT,   /* stream again, after a while */
} follow_then;

struct follow {
	follow_spec spec;
	arena *arena;
	loop_timer *again, *quiet;
	kube_call *call;
	known known;
	buf line, token; /* token: of the next page */
	char version[OBJECT_VERSION_MAX + 1];
	backoff wait;
	int64_t page;
	follow_then then;
	uint32_t n_stuck; /* calls that the server ended without a word since the last one that told something */
	bool is_listing;  /* the state at `version` is not whole yet */
	bool has_streamed_list;
	bool has_progress; /* the call at hand told something */
	bool has_bad_item; /* the page at hand holds something that cannot be read */
	bool is_anew;      /* the list at hand began too early: another one follows it */
	bool is_busy;      /* a call has ended and its outcome is being told */
	bool is_closed;
};

static void follow_go(void *arg);

static void follow_free(void *arg)
{
	follow *f = arg;

	known_done(&f->known);
	buf_done(&f->line);
	buf_done(&f->token);
	loop_timer_free(f->again);
	loop_timer_free(f->quiet);
	arena_end(f->arena);
	free(f);
}

static void trouble(follow *f, err e, long status, str why)
{
	if (f->spec.on_trouble && !f->is_closed)
		f->spec.on_trouble(f->spec.arg, e, status, why);
}

static void version_set(follow *f, str version)
{
	assert(version.n <= OBJECT_VERSION_MAX);
	memcpy(f->version, version.p, version.n);
	f->version[version.n] = '\0';
}

/* Ends the stream at hand; what is to come is told before. */
static void stream_drop(follow *f, follow_then then)
{
	f->then = then;
	kube_cancel(f->call);
}

static void gone_tell(follow *f, const known_object *o)
{
	object_meta m = {.space = known_space(o), .name = known_name(o), .uid = known_uid(o)};

	f->spec.on_gone(f->spec.arg, &m, STR_NONE);
}

static void object_take(follow *f, const object_meta *m, str object)
{
	known_object *o = known_find(&f->known, m);

	if (o && !str_eq(known_uid(o), m->uid)) {
		gone_tell(f, o);
		known_remove(&f->known, o);
		o = NULL;
	}
	bool is_same = o && known_is_at(o, m->version);
	if (f->is_closed)
		return;
	known_put(&f->known, o, m);
	if (!is_same)
		f->spec.on_object(f->spec.arg, m, object);
}

static void object_drop(follow *f, const object_meta *m, str object)
{
	known_object *o = known_find(&f->known, m);

	if (!o)
		return;
	known_remove(&f->known, o);
	f->spec.on_gone(f->spec.arg, m, object);
}

/* Everything was told: what was not among it is gone. */
static void list_end(follow *f, str version)
{
	uint32_t at = 0;
	known_object *o;

	version_set(f, version);
	f->is_listing = false;
	backoff_reset(&f->wait);
	while (!f->is_closed && (o = known_stale(&f->known, &at))) {
		gone_tell(f, o);
		known_remove(&f->known, o);
	}
	if (f->is_anew)
		f->version[0] = '\0';
	else if (!f->is_closed)
		f->spec.on_listed(f->spec.arg);
	f->is_anew = false;
}

static void list_begin(follow *f)
{
	f->is_listing = true;
	buf_clear(&f->token);
	known_begin(&f->known);
}

/* The server's state is an older one than ours: it was restored from a copy, and is told as changes never. */
static bool is_behind(const follow *f, str version)
{
	uint64_t is, ours;

	return str_to_u64(version, &is) && str_to_u64(str_from(f->version), &ours) && is < ours;
}

/* A point that the server does not know yet, and may never come to. */
static bool is_ahead(str why)
{
	for (uint32_t i = 0; i < why.n; i++)
		if (str_starts(str_cut(why, i, why.n), S("Too large resource version")))
			return true;
	return false;
}

/* The list may not come as a stream, whatever is wrong: servers that do not know it say 422 or 400, one whose etcd is
 * too old for it 500. Pages always do. True: it is asked for so. */
static bool stream_refused(follow *f, long status)
{
	if (status < 400 || status == 401 || status == 403 || status == 429)
		return false;
	f->has_streamed_list = false;
	return true;
}

/* An ERROR line: the point we go on from is too old, or the server has a reason to stop. */
static void error_take(follow *f, str object)
{
	AUTO_ARENA a = arena_new(0);
	kube_status s = kube_status_read(object, a);
	bool is_expired =
		s.code == 410 || str_eq(s.reason, S("Expired")) || str_eq(s.reason, S("Gone")) || is_ahead(s.message);

	trouble(f, ERR_OK, (long)s.code, s.message);
	is_expired |= f->is_listing && stream_refused(f, (long)s.code);
	if (!f->is_closed)
		stream_drop(f, is_expired ? THEN_LIST : THEN_WAIT);
}

static void bookmark_take(follow *f, const object_meta *m)
{
	if (f->is_listing && !m->ends_list)
		return;
	if (f->is_listing)
		list_end(f, m->version);
	else if (is_behind(f, m->version))
		stream_drop(f, THEN_LIST);
	else
		version_set(f, m->version);
}

static void line_refuse(follow *f)
{
	trouble(f, ERR_MALFORMED_JSON, 200, S("a line of the watch cannot be read"));
	f->has_progress = false;
	if (!f->is_closed)
		stream_drop(f, THEN_WAIT);
}

static void line_take(follow *f, str line)
{
	object_event e;
	object_meta m;

	if (object_event_read(line, &e)) {
		line_refuse(f);
		return;
	}
	if (str_eq(e.type, S("ERROR"))) {
		error_take(f, e.object);
		return;
	}
	bool is_bookmark = str_eq(e.type, S("BOOKMARK"));
	if (object_meta_read(e.object, &m) || (!is_bookmark && !m.name.n)) {
		line_refuse(f);
		return;
	}
	f->has_progress = true;
	f->n_stuck = 0;
	if (is_bookmark) {
		bookmark_take(f, &m);
		return;
	}
	/* The states of a list that comes as a stream are no points to go on from. */
	if (!f->is_listing)
		version_set(f, m.version);
	if (str_eq(e.type, S("DELETED")))
		object_drop(f, &m, e.object);
	else
		object_take(f, &m, e.object);
}

static bool may_read(const follow *f)
{
	return !f->is_closed && f->then == THEN_DECIDE;
}

/* The first line is what was left before and the piece up to its end. */
static str line_next(follow *f, str *piece)
{
	int64_t end = str_find(*piece, '\n', 0);
	str head = str_cut(*piece, 0, end < 0 ? piece->n : (size_t)end);

	*piece = end < 0 ? STR_NONE : str_cut(*piece, (size_t)end + 1, piece->n);
	if (end >= 0 && !f->line.n)
		return head;
	buf_add_str(&f->line, head);
	return end < 0 ? STR_NONE : buf_str(&f->line);
}

static void on_piece(void *arg, str piece)
{
	follow *f = arg;

	loop_timer_arm(f->quiet, f->spec.quiet_ms * 1000);
	while (piece.n && may_read(f)) {
		str line = line_next(f, &piece);
		if (f->line.over) {
			line_refuse(f);
			return;
		}
		if (!line.p)
			return;
		if (str_trim(line).n)
			line_take(f, line);
		buf_clear(&f->line);
	}
}

static void on_quiet(void *arg)
{
	follow *f = arg;

	trouble(f, ERR_TIMEOUT, 0, S("the watch said nothing for too long"));
	if (!f->is_closed)
		stream_drop(f, THEN_STREAM);
}

static void wait_and_go(follow *f, int64_t at_least_us)
{
	uint64_t random;

	random_bytes(&random, sizeof(random));
	int64_t us = backoff_next(&f->wait, random);
	loop_timer_arm(f->again, us > at_least_us ? us : at_least_us);
}

static void failed(follow *f, const kube_reply *r)
{
	trouble(f, r->e, r->status, r->message);
	if (!f->is_closed)
		wait_and_go(f, r->retry_after_ms * 1000);
}

static follow_then stream_decide(follow *f, const kube_reply *r)
{
	if (f->then != THEN_DECIDE)
		return f->then;
	if (r->status == 410 || (r->status == 504 && is_ahead(r->message)))
		return THEN_LIST;
	if (f->is_listing && stream_refused(f, r->status)) {
		if (r->status != 400 && r->status != 422)
			trouble(f, r->e, r->status, r->message);
		f->has_progress = true;
		return THEN_STREAM;
	}
	if (r->e || r->status != 200)
		trouble(f, r->e, r->status, r->message);
	return f->has_progress ? THEN_STREAM : THEN_WAIT;
}

/* A stream that ends without a word, again and again, is waited for as any other failure. */
static void stream_end(follow *f, const kube_reply *r)
{
	follow_then then = stream_decide(f, r);

	if (f->is_closed)
		return;
	buf_clear(&f->line);
	if (f->has_progress)
		backoff_reset(&f->wait);
	/* One that answers, but nothing of use from here, may do so for ever: only a list gets past that. */
	f->n_stuck += !f->has_progress && r->status != 429 && (r->status >= 200 || f->then == THEN_WAIT);
	if (f->n_stuck >= FOLLOW_STUCK_MAX && then == THEN_WAIT) {
		f->n_stuck = 0;
		then = THEN_LIST;
	}
	if (then == THEN_LIST)
		f->version[0] = '\0';
	if (then == THEN_WAIT || !f->has_progress)
		wait_and_go(f, r->retry_after_ms * 1000);
	else
		loop_timer_arm(f->again, 0);
}

/* Whoever listens may close the follow from inside; its memory goes when nothing of it is on the stack. */
static void call_ended(follow *f, const kube_reply *r, void (*tell)(follow *f, const kube_reply *r))
{
	f->call = NULL;
	loop_timer_disarm(f->quiet);
	f->is_busy = true;
	if (!f->is_closed)
		tell(f, r);
	f->is_busy = false;
	if (f->is_closed)
		follow_free(f);
}

static void on_stream_end(void *arg, const kube_reply *r)
{
	call_ended(arg, r, stream_end);
}

static void on_item(void *arg, str item)
{
	follow *f = arg;
	object_meta m;

	if (f->is_closed)
		return;
	if (object_meta_read(item, &m) || !m.name.n)
		f->has_bad_item = true;
	else
		object_take(f, &m, item);
}

static void page_refuse(follow *f, str why)
{
	kube_reply bad = {.e = ERR_MALFORMED_JSON, .status = 200, .message = why};

	list_begin(f);
	failed(f, &bad);
}

/* An object that cannot be read must not pass for one that is gone: its page does not count. */
static void page_take(follow *f, const kube_reply *r)
{
	object_page p;

	f->has_bad_item = false;
	bool is_whole = object_page_read(r->body, on_item, f, &p) == ERR_OK;
	if (f->is_closed)
		return;
	if (!is_whole || f->has_bad_item || p.next.n > TOKEN_MAX_BYTES) {
		page_refuse(f, is_whole ? S("an object of the list cannot be read") : S("a list cannot be read"));
		return;
	}
	buf_clear(&f->token);
	buf_add_str(&f->token, p.next);
	if (!p.next.n)
		list_end(f, p.version);
	if (!f->is_closed)
		loop_timer_arm(f->again, 0);
}

/* Too old a token is 410: begin again. Too large a page: ask for less. */
static void page_end(follow *f, const kube_reply *r)
{
	if (kube_is_done(r)) {
		page_take(f, r);
		return;
	}
	if (r->status == 410)
		list_begin(f);
	if (r->e == ERR_LIMIT && f->page > 1)
		f->page /= 2;
	failed(f, r);
}

static void on_page(void *arg, const kube_reply *r)
{
	call_ended(arg, r, page_end);
}

static void encoded_add(buf *b, str s)
{
	static const char hex[] = "0123456789ABCDEF";

	for (uint32_t i = 0; i < s.n; i++) {
		unsigned char c = (unsigned char)s.p[i];
		bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
				c == '-' || c == '_' || c == '.' || c == '~';
		if (is_plain) {
			buf_add_char(b, (char)c);
			continue;
		}
		buf_add_char(b, '%');
		buf_add_char(b, hex[c >> 4]);
		buf_add_char(b, hex[c & 15]);
	}
}

static void path_begin(const follow *f, buf *path)
{
	buf_init(path, PATH_MAX_BYTES + 3 * TOKEN_MAX_BYTES);
	buf_add_str(path, f->spec.path);
	buf_add_char(path, '?');
	if (f->spec.selector.n) {
		buf_add_str(path, f->spec.selector);
		buf_add_char(path, '&');
	}
}

static void page_ask(follow *f)
{
	buf path;

	path_begin(f, &path);
	buf_printf(&path, "limit=%lld", (long long)f->page);
	if (f->token.n) {
		buf_add_str(&path, S("&continue="));
		encoded_add(&path, buf_str(&f->token));
	}
	kube_request q = {.method = "GET", .path = buf_str(&path), .timeout_ms = FOLLOW_LIST_MS};
	q.body_max = FOLLOW_PAGE_BYTES;
	q.on_done = on_page;
	q.arg = f;
	f->call = kube_send(f->spec.kube, &q);
	buf_done(&path);
}

static void stream_ask(follow *f)
{
	uint32_t random;
	buf path;

	random_bytes(&random, sizeof(random));
	path_begin(f, &path);
	buf_printf(&path, "watch=1&allowWatchBookmarks=true&timeoutSeconds=%u",
		FOLLOW_STREAM_MIN_S + random % FOLLOW_STREAM_MIN_S);
	if (f->is_listing) {
		buf_add_str(&path, S("&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"));
	} else {
		buf_add_str(&path, S("&resourceVersion="));
		encoded_add(&path, str_from(f->version));
	}
	kube_request q = {.method = "GET", .path = buf_str(&path), .on_piece = on_piece, .arg = f};
	q.on_done = on_stream_end;
	f->then = THEN_DECIDE;
	f->has_progress = false;
	f->call = kube_send(f->spec.kube, &q);
	buf_done(&path);
	loop_timer_arm(f->quiet, f->spec.quiet_ms * 1000);
}

/* The next call: a stream from where we are, else a list. */
static void follow_go(void *arg)
{
	follow *f = arg;

	if (!f->version[0] && (!f->is_listing || f->has_streamed_list))
		list_begin(f);
	if (f->is_listing && !f->has_streamed_list)
		page_ask(f);
	else
		stream_ask(f);
}

follow *follow_open(const follow_spec *s)
{
	follow *f = calloc(1, sizeof(*f));

	assert(f && s->on_object && s->on_gone && s->on_listed);
	f->spec = *s;
	f->arena = arena_new(0);
	f->spec.path = str_dup(f->arena, s->path);
	f->spec.selector = str_dup(f->arena, s->selector);
	f->spec.quiet_ms = s->quiet_ms ? s->quiet_ms : FOLLOW_QUIET_MS;
	f->wait = (backoff){.first_us = s->first_us ? s->first_us : FOLLOW_FIRST_US,
		.last_us = s->last_us ? s->last_us : FOLLOW_LAST_US};
	f->page = s->page ? s->page : FOLLOW_PAGE;
	f->has_streamed_list = s->may_stream;
	buf_init(&f->line, FOLLOW_LINE_BYTES);
	buf_init(&f->token, TOKEN_MAX_BYTES);
	f->again = loop_timer_new(s->loop, follow_go, f);
	f->quiet = loop_timer_new(s->loop, on_quiet, f);
	loop_timer_arm(f->again, 0);
	return f;
}

void follow_close(follow *f)
{
	if (!f || f->is_closed)
		return;
	f->is_closed = true;
	loop_timer_disarm(f->again);
	loop_timer_disarm(f->quiet);
	if (f->call)
		kube_cancel(f->call);
	else if (!f->is_busy)
		loop_defer(f->spec.loop, follow_free, f);
}

void follow_list(follow *f)
{
	f->is_anew = f->is_listing;
	if (f->is_listing)
		return;
	f->version[0] = '\0';
	if (f->call)
		stream_drop(f, THEN_LIST);
	else
		loop_timer_arm(f->again, 0);
}

uint32_t follow_count(const follow *f)
{
	return f->known.objects.n;
}
