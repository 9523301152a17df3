/* fetch: an HTTP client on the loop (libcurl multi).
 *
 * Keep-alive connections, TLS verified against a given CA, optional client certificate, one deadline per call, a cap on
 * the answer's size. on_done runs exactly once, from the loop, also when the client is freed (ERR_CLOSED).
 */
#pragma once
#include "base/arena.h"
#include "net/loop.h"

typedef struct fetch fetch;
typedef struct fetch_call fetch_call;

typedef struct fetch_config {
	const char *ca_file;   /* PEM; NULL: the system's */
	const char *cert_file; /* client certificate, or NULL */
	const char *key_file;
	const char *user_agent;
	int64_t connections_max; /* per host; 0: 8 */
	/* PEM in the place of files, where set; copied. */
	str ca_pem, cert_pem, key_pem;
	/* "host:port" to connect to, whatever the URL names; the URL's host is then what the certificate must name. */
	const char *connect_to;
	const char *proxy;     /* "http://host:port"; NULL: none, whatever the environment says */
	bool is_unverified;    /* takes any certificate: only where somebody asked for exactly that */
	int64_t dead_after_ms; /* of a connection whose peer acknowledges nothing; 0: as long as the system waits */
} fetch_config;

typedef struct fetch_reply {
	err e; /* OK: an answer came, whatever its status */
	long status;
	str body;
	str headers;     /* raw lines, CRLF; see fetch_header */
	const char *why; /* text for e != OK */
} fetch_reply;

typedef struct fetch_request {
	const char *method; /* "GET" */
	const char *url;
	const char *const *headers; /* "Name: value", NULL-terminated; may be NULL */
	str body;                   /* copied */
	int64_t timeout_ms;
	int64_t body_max; /* of the answer; 0: 16 MiB */
	/* Streaming answers (SSE, long): called with each piece; the body is then empty at the end. Optional. */
	void (*on_piece)(void *arg, str piece);
	/* The reply is valid during the call only. */
	void (*on_done)(void *arg, const fetch_reply *reply);
	void *arg;
} fetch_request;

fetch *fetch_new(loop *l, const fetch_config *c);
void fetch_free(fetch *f);
/* From anywhere, on_piece and on_done too. */
fetch_call *fetch_send(fetch *f, const fetch_request *q);
void fetch_cancel(fetch_call *c);                 /* on_done runs with ERR_CLOSED */
long fetch_status(const fetch_call *c);           /* within on_piece: the answer's status */
str fetch_header(const fetch_reply *r, str name); /* value of the last such header, or STR_NONE */

/* The same, blocking, for command line programs: runs l until the answer is there. Body and headers go into a. */
fetch_reply fetch_wait(fetch *f, loop *l, arena *a, const fetch_request *q);
