/* http1: the strict HTTP/1.1 reader: request heads and chunked bodies as pure functions over bytes.
 *
 * No allocation, no I/O, no clock. Bytes come in pieces of any size; the outcome does not depend on how they were cut.
 * RFC 9112 is the grammar. Where peers are lenient, two readers of one message can disagree about where it ends, so all
 * of this is refused (400 unless said):
 *   - a line that ends in LF without CR, CR inside a line, NUL and every other control byte (a tab inside a value may
 * stand)
 *   - empty lines before the request line; anything but one blank between its three parts; versions but 1.0 and 1.1
 *   - a method that is no token; a well-formed method that web_method does not have gives 501
 *   - absolute-form and authority-form targets; "*" but with OPTIONS; bytes outside printable ASCII and any of "<>#\ in
 * a target
 *   - a continued line (obs-fold), a blank before the colon, names that are empty or no token
 *   - Host missing (1.1), twice, or not host[:port]
 *   - Content-Length twice (also when equal), not 1 to 10 digits, or beside Transfer-Encoding
 *   - Transfer-Encoding twice, with anything but "chunked", or in 1.0
 *   - Authorization, Content-Type, If-Match, Idempotency-Key or Expect twice; Expect but "100-continue"
 *   - chunk sizes that are not 1 to 8 hex digits; more than HTTP1_EXTRA_MAX bytes of chunk extensions and trailers in a
 * body Trailers are read, checked and dropped. Bytes from 0x80 may stand in values: they are opaque.
 */
#pragma once
#include "net/web.h"

enum { HTTP1_EXTRA_MAX = 4096, HTTP1_LENGTH_DIGITS_MAX = 10, HTTP1_CHUNK_DIGITS_MAX = 8 };

typedef enum http1_result { HTTP1_MORE, HTTP1_DONE, HTTP1_REFUSED } http1_result;

typedef struct http1_head {
	/* Valid after HTTP1_DONE; spans point into the bytes that were read. */
	web_method method;
	str target, path, query;
	uint32_t n_headers;
	uint32_t bytes;         /* length of the head with its empty line */
	int64_t content_length; /* -1: none was given */
	bool is_chunked;
	bool is_1_1;
	bool keeps_alive;
	bool wants_continue; /* 100 is waited for before the body is sent */
	/* Valid after HTTP1_REFUSED. */
	err refusal;
	const char *why;
	/* The reader's own. */
	web_header *headers;
	uint32_t headers_max, bytes_max, target_max;
	uint32_t line_at, scanned, seen;
	bool asks_close, asks_keep;
} http1_head;

/* headers has room for limits->headers_max entries and stays the caller's. */
void http1_head_init(http1_head *h, const web_limits *limits, web_header *headers);
/* p[0, n) is all that came of this message so far: p must be the same address in every call for one message. */
http1_result http1_head_read(http1_head *h, const char *p, size_t n);

/* A chunked body in progress (RFC 9112, 7.1); zero it to begin. */
typedef struct http1_chunks {
	uint8_t state, digits;
	bool has_trailers;
	uint16_t extra;
	uint64_t left;
	const char *why; /* after HTTP1_REFUSED */
} http1_chunks;

/* Reads on in p[0, n): *ret_used bytes are done with, of which *ret_data (a span of p, may be empty) is body.
 * HTTP1_MORE: call again with what follows them. HTTP1_DONE: the message ends after *ret_used. */
http1_result http1_chunks_read(http1_chunks *c, const char *p, size_t n, size_t *ret_used, str *ret_data);
