#include "net/h2.h"
#include <assert.h>
#include <errno.h>
#include <nghttp2/nghttp2.h>
#include <stdlib.h>
#include <unistd.h>
#include "base/clock.h"

enum {
	PAIRS_MAX = 12,
	READ_BYTES = 16 << 10,
	SEND_TURN_BYTES = 256 << 10, /* that leave in one turn of the loop */
	KEEP_BYTES = 16 << 10,       /* of an emptied stream's memory */
	OUT_MAX = 64 << 20,
	TRAILER_BYTES_MAX = 4096,
};
#define RESETS_SPAN_US ((int64_t)60000000)

struct h2_stream {
	h2 *h;
	h2_stream *next, *prev;
	int32_t id;
	void *owner;
	uint32_t header_bytes;
	buf out, trailer_text;
	size_t out_at;
	h2_pair trailers[H2_TRAILERS_MAX];
	uint32_t n_trailers;
	bool is_waiting;  /* nghttp2 waits for more bytes */
	bool is_finished; /* no bytes follow those in out */
	bool is_ended;    /* by the peer */
};

struct h2 {
	loop *loop;
	int fd;
	bool is_server, is_begun, is_broken, is_closed, is_told, is_pumping, is_deferred, is_draining;
	uint32_t n_streams;
	uint32_t n_resets;
	int64_t resets_from_us;
	loop_watch *watch;
	loop_timer *begin;
	nghttp2_session *session;
	const h2_hooks *hooks;
	void *arg;
	const uint8_t *rest; /* of the present block to send; nghttp2's until the next is asked for */
	size_t n_rest;
	h2_stream all;
};

static void h2_pump(h2 *h);

/* Always a round of the loop after the close: a hook may close the connection that is calling it. */
static void h2_free(void *arg)
{
	h2 *h = arg;

	nghttp2_session_del(h->session);
	free(h);
}

static void pump_deferred(void *arg)
{
	h2 *h = arg;

	h->is_deferred = false;
	h2_pump(h);
}

static void pump_later(h2 *h)
{
	if (h->is_deferred || h->is_pumping || h->is_closed)
		return;
	h->is_deferred = true;
	loop_defer(h->loop, pump_deferred, h);
}

static h2_stream *stream_new(h2 *h, int32_t id)
{
	h2_stream *s = calloc(1, sizeof(*s));

	if (!s)
		abort();
	s->h = h;
	s->id = id;
	s->next = &h->all;
	s->prev = h->all.prev;
	s->prev->next = s->next->prev = s;
	buf_init(&s->out, OUT_MAX);
	buf_init(&s->trailer_text, TRAILER_BYTES_MAX);
	h->n_streams++;
	return s;
}

/* No longer found by its id, nor by who closes the connection. */
static void stream_leave(h2_stream *s)
{
	if (s->id)
		(void)nghttp2_session_set_stream_user_data(s->h->session, s->id, NULL);
	s->next->prev = s->prev;
	s->prev->next = s->next;
	s->h->n_streams--;
}

static void stream_free(h2_stream *s)
{
	buf_done(&s->out);
	buf_done(&s->trailer_text);
	free(s);
}

static void stream_gone(h2_stream *s)
{
	h2 *h = s->h;

	stream_leave(s);
	h->hooks->on_gone(h->arg, s);
	stream_free(s);
}

/* By the count too: a hook may close the connection, which ends those that are left. */
static void streams_end(h2 *h)
{
	for (h2_stream *s = h->all.next, *next; h->n_streams && s != &h->all; s = next) {
		next = s->next;
		stream_gone(s);
	}
}

static h2_stream *stream_of(h2 *h, int32_t id)
{
	return id ? nghttp2_session_get_stream_user_data(h->session, id) : NULL;
}

static nghttp2_nv nv_of(const h2_pair *p)
{
	return (nghttp2_nv){
		.name = (uint8_t *)p->name.p,
		.namelen = p->name.n,
		.value = (uint8_t *)p->value.p,
		.valuelen = p->value.n,
	};
}

static uint32_t nvs_fill(nghttp2_nv nv[PAIRS_MAX], const h2_pair *pairs, uint32_t n)
{
	assert(n <= PAIRS_MAX);
	for (uint32_t i = 0; i < n; i++)
		nv[i] = nv_of(&pairs[i]);
	return n;
}

/* What was sent is forgotten once all of it is: the memory of a large message is given back. */
static void out_taken(h2_stream *s)
{
	if (s->out_at < s->out.n)
		return;
	s->out_at = 0;
	buf_clear(&s->out);
	if (s->out.cap > KEEP_BYTES) {
		buf_done(&s->out);
		buf_init(&s->out, OUT_MAX);
	}
}

static void trailers_submit(h2_stream *s, uint32_t *flags)
{
	nghttp2_nv nv[PAIRS_MAX];

	*flags |= NGHTTP2_DATA_FLAG_EOF;
	if (s->n_trailers == 0)
		return;
	*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
	uint32_t n = nvs_fill(nv, s->trailers, s->n_trailers);
	if (nghttp2_submit_trailer(s->h->session, s->id, nv, n))
		s->h->is_broken = true;
}

static ssize_t on_bytes_wanted(nghttp2_session *session, int32_t id, uint8_t *out, size_t room, uint32_t *flags,
	nghttp2_data_source *source, void *arg)
{
	h2_stream *s = source->ptr;
	h2 *h = arg;

	(void)session, (void)id;
	if (s->out_at == s->out.n && !s->is_finished && h->hooks->on_sent)
		h->hooks->on_sent(h->arg, s);
	if (h->is_closed)
		return NGHTTP2_ERR_CALLBACK_FAILURE;
	size_t n = s->out.n - s->out_at;
	if (n > room)
		n = room;
	if (n)
		memcpy(out, s->out.p + s->out_at, n);
	s->out_at += n;
	out_taken(s);
	if (s->out.n == 0 && s->is_finished)
		trailers_submit(s, flags);
	else if (n == 0) {
		s->is_waiting = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	return (ssize_t)n;
}

/* A hook may have closed the connection, or the peer is not listened to any more: nghttp2 then goes no further. */
static int verdict(const h2 *h)
{
	return h->is_closed || h->is_broken ? NGHTTP2_ERR_CALLBACK_FAILURE : 0;
}

static int on_headers_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	h2 *h = arg;

	if (h->is_server && frame->headers.cat == NGHTTP2_HCAT_REQUEST)
		nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, stream_new(h, frame->hd.stream_id));
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name, size_t name_n,
	const uint8_t *value, size_t value_n, uint8_t flags, void *arg)
{
	h2 *h = arg;
	h2_stream *s = stream_of(h, frame->hd.stream_id);

	(void)session, (void)flags;
	if (!s)
		return 0;
	s->header_bytes += (uint32_t)(name_n + value_n + 32);
	if (s->header_bytes > H2_HEADERS_MAX)
		return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
	h->hooks->on_header(h->arg, s, str_of((const char *)name, name_n), str_of((const char *)value, value_n));
	return verdict(h);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *bytes, size_t n, void *arg)
{
	h2 *h = arg;
	h2_stream *s = stream_of(h, id);

	(void)session, (void)flags;
	if (s)
		h->hooks->on_data(h->arg, s, str_of((const char *)bytes, n));
	return verdict(h);
}

/* A peer that opens streams and takes them back costs work and nothing else: that has a limit. */
static void reset_count(h2 *h)
{
	int64_t now_us = clock_mono_us();

	if (now_us - h->resets_from_us > RESETS_SPAN_US) {
		h->resets_from_us = now_us;
		h->n_resets = 0;
	}
	if (++h->n_resets > H2_RESETS_MAX)
		h->is_broken = true;
}

static bool frame_ends(const nghttp2_frame *frame)
{
	return (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) &&
	       (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) != 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	h2 *h = arg;
	h2_stream *s = stream_of(h, frame->hd.stream_id);

	(void)session;
	if (frame->hd.type == NGHTTP2_SETTINGS && !h->is_begun) {
		h->is_begun = true;
		loop_timer_disarm(h->begin);
	}
	if (frame->hd.type == NGHTTP2_RST_STREAM && h->is_server)
		reset_count(h);
	if (frame->hd.type == NGHTTP2_GOAWAY)
		h->is_draining = true;
	if (!s)
		return 0;
	if (frame->hd.type == NGHTTP2_HEADERS) {
		s->header_bytes = 0;
		h->hooks->on_head(h->arg, s);
	}
	if (!h->is_closed && frame_ends(frame)) {
		s->is_ended = true;
		h->hooks->on_end(h->arg, s);
	}
	return verdict(h);
}

/* A client that goes on sending after its answer is told to stop (RFC 9113, 8.1). */
static int on_frame_sent(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	h2 *h = arg;
	h2_stream *s = stream_of(h, frame->hd.stream_id);

	if (h->is_server && s && !s->is_ended && frame_ends(frame))
		(void)nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, s->id, NGHTTP2_NO_ERROR);
	return 0;
}

static int on_stream_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	h2 *h = arg;
	h2_stream *s = stream_of(h, id);

	(void)session, (void)code;
	if (s)
		stream_gone(s);
	return verdict(h);
}

static void session_open(h2 *h)
{
	nghttp2_session_callbacks *on;
	nghttp2_option *option;
	int refused = nghttp2_session_callbacks_new(&on);

	refused |= nghttp2_option_new(&option);
	if (refused)
		abort();
	nghttp2_session_callbacks_set_on_begin_headers_callback(on, on_headers_begin);
	nghttp2_session_callbacks_set_on_header_callback(on, on_header);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(on, on_data);
	nghttp2_session_callbacks_set_on_frame_recv_callback(on, on_frame);
	nghttp2_session_callbacks_set_on_frame_send_callback(on, on_frame_sent);
	nghttp2_session_callbacks_set_on_stream_close_callback(on, on_stream_close);
	nghttp2_option_set_no_http_messaging(option, 1);
	nghttp2_option_set_peer_max_concurrent_streams(option, H2_STREAMS_MAX);
	nghttp2_option_set_no_closed_streams(option, 1);
	refused = h->is_server ? nghttp2_session_server_new2(&h->session, on, h, option)
			       : nghttp2_session_client_new2(&h->session, on, h, option);
	nghttp2_option_del(option);
	nghttp2_session_callbacks_del(on);
	if (refused)
		abort();
}

static void settings_submit(h2 *h)
{
	nghttp2_settings_entry mine[] = {
		{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS_MAX},
		{NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, H2_HEADERS_MAX},
		{NGHTTP2_SETTINGS_ENABLE_PUSH, 0},
	};
	size_t n = sizeof(mine) / sizeof(*mine);

	/* Push is the client's to switch off. */
	if (nghttp2_submit_settings(h->session, NGHTTP2_FLAG_NONE, mine, h->is_server ? n - 1 : n))
		abort();
}

static void on_begin_late(void *arg)
{
	h2 *h = arg;

	h->is_broken = true;
	h2_pump(h);
}

static void h2_read(h2 *h)
{
	uint8_t bytes[READ_BYTES];
	ssize_t n = read(h->fd, bytes, sizeof(bytes));

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		h->is_broken = true;
	if (n > 0 && nghttp2_session_mem_recv(h->session, bytes, (size_t)n) < 0)
		h->is_broken = true;
}

static void on_ready(void *arg, int what)
{
	h2 *h = arg;

	h->is_pumping = true;
	if (what == LOOP_READ)
		h2_read(h);
	h->is_pumping = false;
	h2_pump(h);
}

h2 *h2_open(loop *l, int fd, bool is_server, const h2_hooks *hooks, void *arg)
{
	h2 *h = calloc(1, sizeof(*h));

	if (!h)
		abort();
	h->loop = l;
	h->fd = fd;
	h->is_server = is_server;
	h->hooks = hooks;
	h->arg = arg;
	h->all.next = h->all.prev = &h->all;
	session_open(h);
	settings_submit(h);
	h->watch = loop_watch_new(l, fd, LOOP_READ, on_ready, h);
	h->begin = loop_timer_new(l, on_begin_late, h);
	loop_timer_arm(h->begin, (int64_t)H2_BEGIN_MS * 1000);
	pump_later(h);
	return h;
}

void h2_close(h2 *h)
{
	if (!h || h->is_closed)
		return;
	h->is_closed = h->is_broken = true;
	streams_end(h);
	loop_watch_free(h->watch);
	loop_timer_free(h->begin);
	(void)close(h->fd);
	loop_defer(h->loop, h2_free, h);
}

/* One write; false when the socket takes no more now. */
static bool rest_write(h2 *h)
{
	ssize_t n = write(h->fd, h->rest, h->n_rest);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n < 0) {
		h->is_broken = true;
		return false;
	}
	h->rest += n;
	h->n_rest -= (size_t)n;
	return h->n_rest == 0;
}

static void h2_write(h2 *h)
{
	for (size_t sent = 0; !h->is_broken && !h->is_closed && sent < SEND_TURN_BYTES;) {
		if (h->n_rest == 0) {
			ssize_t n = nghttp2_session_mem_send(h->session, &h->rest);
			h->is_broken |= n < 0;
			if (n <= 0)
				return;
			h->n_rest = (size_t)n;
		}
		sent += h->n_rest;
		if (!rest_write(h))
			return;
	}
}

static void broken_tell(h2 *h)
{
	loop_timer_disarm(h->begin);
	loop_watch_set(h->watch, 0);
	streams_end(h);
	if (!h->is_closed && !h->is_told) {
		h->is_told = true;
		h->hooks->on_closed(h->arg);
	}
}

static bool h2_is_over(const h2 *h)
{
	if (h->is_broken)
		return true;
	if (h->n_rest)
		return false;
	return (h->is_draining && h->n_streams == 0) ||
	       (!nghttp2_session_want_read(h->session) && !nghttp2_session_want_write(h->session));
}

/* Sends what is due, and says what the socket is watched for. */
static void h2_pump(h2 *h)
{
	if (h->is_closed)
		return;
	h->is_pumping = true;
	h2_write(h);
	h->is_pumping = false;
	if (!h->is_closed && h2_is_over(h))
		broken_tell(h);
	else if (!h->is_closed)
		loop_watch_set(h->watch, h->n_rest || nghttp2_session_want_write(h->session) ? LOOP_WRITE : LOOP_READ);
}

void h2_drain(h2 *h)
{
	h->is_draining = true;
	(void)nghttp2_submit_goaway(h->session, NGHTTP2_FLAG_NONE, nghttp2_session_get_last_proc_stream_id(h->session),
		NGHTTP2_NO_ERROR, NULL, 0);
	pump_later(h);
}

uint32_t h2_count(const h2 *h)
{
	return h->n_streams;
}

void h2_own(h2_stream *s, void *owner)
{
	s->owner = owner;
}

void *h2_owner(const h2_stream *s)
{
	return s->owner;
}

h2_stream *h2_request(h2 *h, const h2_pair *head, uint32_t n, void *owner)
{
	nghttp2_nv nv[PAIRS_MAX];

	if (h->is_broken || h->is_draining || !nghttp2_session_check_request_allowed(h->session))
		return NULL;
	h2_stream *s = stream_new(h, 0);
	nghttp2_data_provider from = {.source.ptr = s, .read_callback = on_bytes_wanted};
	int32_t id = nghttp2_submit_request(h->session, NULL, nv, nvs_fill(nv, head, n), &from, s);
	if (id < 0) {
		stream_leave(s);
		stream_free(s);
		return NULL;
	}
	s->id = id;
	s->owner = owner;
	pump_later(h);
	return s;
}

void h2_respond(h2_stream *s, const h2_pair *head, uint32_t n, bool is_all)
{
	nghttp2_data_provider from = {.source.ptr = s, .read_callback = on_bytes_wanted};
	nghttp2_nv nv[PAIRS_MAX];

	if (nghttp2_submit_response(s->h->session, s->id, nv, nvs_fill(nv, head, n), is_all ? NULL : &from))
		s->h->is_broken = true;
	pump_later(s->h);
}

static void stream_resume(h2_stream *s)
{
	if (s->is_waiting) {
		s->is_waiting = false;
		(void)nghttp2_session_resume_data(s->h->session, s->id);
	}
	pump_later(s->h);
}

void h2_send(h2_stream *s, str bytes)
{
	assert(!s->is_finished);
	buf_add_str(&s->out, bytes);
	assert(!s->out.over);
	stream_resume(s);
}

void h2_wake(h2_stream *s)
{
	stream_resume(s);
}

size_t h2_waiting(const h2_stream *s)
{
	return s->out.n - s->out_at;
}

buf *h2_room(h2_stream *s)
{
	return &s->out;
}

void h2_finish(h2_stream *s, const h2_pair *trailers, uint32_t n)
{
	size_t at[2 * H2_TRAILERS_MAX];

	assert(n <= H2_TRAILERS_MAX && !s->is_finished);
	for (uint32_t i = 0; i < n; i++) {
		at[2 * i] = s->trailer_text.n;
		buf_add_str(&s->trailer_text, trailers[i].name);
		at[2 * i + 1] = s->trailer_text.n;
		buf_add_str(&s->trailer_text, trailers[i].value);
	}
	assert(!s->trailer_text.over);
	for (uint32_t i = 0; i < n; i++) {
		s->trailers[i].name = str_of(s->trailer_text.p + at[2 * i], trailers[i].name.n);
		s->trailers[i].value = str_of(s->trailer_text.p + at[2 * i + 1], trailers[i].value.n);
	}
	s->n_trailers = n;
	s->is_finished = true;
	stream_resume(s);
}

void h2_reset(h2_stream *s, uint32_t code)
{
	(void)nghttp2_submit_rst_stream(s->h->session, NGHTTP2_FLAG_NONE, s->id, code);
	pump_later(s->h);
}
