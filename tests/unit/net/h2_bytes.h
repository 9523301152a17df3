/* h2_bytes: a peer that writes its frames by hand, on the loop of a grpc_site. */
#pragma once
#include <errno.h>
#include <sys/socket.h>
#include "grpc_site.h"

enum {
	FRAME_DATA = 0,
	FRAME_HEADERS = 1,
	FRAME_RST = 3,
	FRAME_SETTINGS = 4,
	FRAME_PING = 6,
	FRAME_GOAWAY = 7,
	FRAME_WINDOW = 8,
	FRAME_CONTINUATION = 9,
	END_STREAM = 1,
	END_HEADERS = 4,
	ACK = 1,
	FRAME_HEAD = 9
};

typedef struct byte_peer {
	grpc_site *site;
	int fd;
	loop_watch *watch;
	bool is_closed; /* by the other side */
	buf in;
	size_t in_at; /* frames up to there are counted */
	/* What came. */
	buf data; /* bodies of DATA frames, all streams */
	uint32_t n_frames[256], n_ends, n_pongs;
	bool is_echoing; /* gives back window for what it reads */
} byte_peer;

static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

static inline void frame_put(buf *out, int type, int flags, uint32_t stream, str payload)
{
	uint8_t head[FRAME_HEAD] = {(uint8_t)(payload.n >> 16), (uint8_t)(payload.n >> 8), (uint8_t)payload.n,
		(uint8_t)type, (uint8_t)flags, (uint8_t)(stream >> 24), (uint8_t)(stream >> 16), (uint8_t)(stream >> 8),
		(uint8_t)stream};

	buf_add(out, head, sizeof(head));
	buf_add_str(out, payload);
}

/* A literal without indexing (RFC 7541, 6.2.2), shorter than 127 bytes. */
static inline void header_put(buf *out, const char *name, const char *value)
{
	buf_add_char(out, 0);
	buf_add_char(out, (char)strlen(name));
	buf_add_str(out, str_from(name));
	buf_add_char(out, (char)strlen(value));
	buf_add_str(out, str_from(value));
}

static inline void request_head(buf *out, const char *path)
{
	header_put(out, ":method", "POST");
	header_put(out, ":scheme", "http");
	header_put(out, ":path", path);
	header_put(out, ":authority", "localhost");
	header_put(out, "content-type", "application/grpc");
	header_put(out, "te", "trailers");
}

static inline void window_put(buf *out, uint32_t stream, uint32_t n)
{
	char p[4] = {(char)(n >> 24), (char)(n >> 16), (char)(n >> 8), (char)n};

	frame_put(out, FRAME_WINDOW, 0, stream, (str){p, 4});
}

/* A connection's beginning. */
static inline void hello_put(buf *out)
{
	buf_add(out, preface, sizeof(preface) - 1);
	frame_put(out, FRAME_SETTINGS, 0, 0, S(""));
}

static inline void request_put(buf *out, uint32_t stream, const char *path, str body)
{
	buf head;

	buf_init(&head, 4096);
	request_head(&head, path);
	frame_put(out, FRAME_HEADERS, END_HEADERS, stream, buf_str(&head));
	frame_put(out, FRAME_DATA, END_STREAM, stream, body);
	buf_done(&head);
}

static inline void byte_peer_send(byte_peer *p, str bytes)
{
	for (uint32_t at = 0; at < bytes.n && !p->is_closed;) {
		ssize_t n = send(p->fd, bytes.p + at, bytes.n - at, MSG_NOSIGNAL);
		if (n > 0)
			at += (uint32_t)n;
		else if (errno == EAGAIN)
			site_rest(p->site, 1000);
		else
			p->is_closed = true;
	}
}

static inline void frame_count(byte_peer *p, const uint8_t *head, str payload)
{
	p->n_frames[head[3]]++;
	if (head[3] == FRAME_PING && (head[4] & ACK))
		p->n_pongs++;
	if ((head[3] == FRAME_DATA || head[3] == FRAME_HEADERS) && (head[4] & END_STREAM))
		p->n_ends++;
	if (head[3] != FRAME_DATA)
		return;
	buf_add_str(&p->data, payload);
	if (p->is_echoing && payload.n) {
		buf out;
		buf_init(&out, 64);
		window_put(&out, 0, payload.n);
		window_put(&out, head[8], payload.n);
		byte_peer_send(p, buf_str(&out));
		buf_done(&out);
	}
}

static inline void frames_count(byte_peer *p)
{
	for (;;) {
		const uint8_t *at = (const uint8_t *)p->in.p + p->in_at;
		size_t left = p->in.n - p->in_at;
		if (left < FRAME_HEAD)
			return;
		size_t n = (size_t)at[0] << 16 | (size_t)at[1] << 8 | at[2];
		if (left < FRAME_HEAD + n)
			return;
		p->in_at += FRAME_HEAD + n;
		frame_count(p, at, str_of((const char *)at + FRAME_HEAD, n));
	}
}

static inline void byte_peer_read(void *arg, int what)
{
	byte_peer *p = arg;
	char bytes[65536];
	ssize_t n = read(p->fd, bytes, sizeof(bytes));

	(void)what;
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		p->is_closed = true;
		loop_watch_set(p->watch, 0);
		return;
	}
	buf_add(&p->in, bytes, (size_t)n);
	frames_count(p);
}

static inline void byte_peer_open(byte_peer *p, grpc_site *s)
{
	fault f = {0};

	*p = (byte_peer){.site = s};
	cr_assert_eq(unix_socket_connect(s->path, &p->fd, &f), ERR_OK, "%s", f.detail);
	buf_init(&p->in, 64 << 20);
	buf_init(&p->data, 64 << 20);
	p->watch = loop_watch_new(s->loop, p->fd, LOOP_READ, byte_peer_read, p);
}

static inline void byte_peer_close(byte_peer *p)
{
	loop_watch_free(p->watch);
	(void)close(p->fd);
	buf_done(&p->in);
	buf_done(&p->data);
}
