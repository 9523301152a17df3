/* pages: what the daemon serves over HTTP: /metrics, /livez, /readyz. */
#pragma once
#include "agents/node/exposition.h"
#include "net/web.h"

typedef struct pages_config {
	loop *loop;
	const char *listen; /* "127.0.0.1:9394"; "": nowhere */
	/* What there is now to be told of. */
	void (*fill)(void *arg, exposition *e);
	bool (*is_ready)(void *arg);
	void *arg;
} pages_config;

typedef struct pages pages;

/* *ret_listening, of size bytes: where; "": nowhere. */
err pages_open(const pages_config *c, pages **ret, char *ret_listening, size_t size, fault *f) MUST_CHECK;
void pages_close(pages *p); /* NULL-safe */
