/* routes: the API as one table. See routes.def. */
#pragma once
#include "api/rights.h"
#include "json/js.h"

typedef enum op {
#define R(op, method, path, right, flags, query, body, answer, status, summary) OP_##op,
#include "routes.def"
#undef R
	OP_COUNT
} op;

enum {
	ROUTE_LIST = 1,
	ROUTE_ETAG = 2,
	ROUTE_IF_MATCH = 4,
	ROUTE_WRITE = 8,
	ROUTE_BODY_OPTIONAL = 16,
	ROUTE_MERGE = 32,
	ROUTE_NEGOTIATES = 64,
	ROUTE_STREAM = 128,
	ROUTE_PLAIN = 256,
	ROUTE_FORM = 512,
	ROUTE_YAML = 1024,    /* the body may be YAML; it is kept as bytes, and read by whoever answers */
	ROUTE_WRITTEN = 2048, /* also as text/plain and text/markdown, for people */
};

typedef struct route {
	const char *operation; /* "TENANT_LIST" */
	const char *method;    /* "GET" */
	const char *path;
	right right;
	uint32_t flags;
	const js_type *query, *body, *answer; /* NULL: none */
	int status;
	const char *summary;
} route;

extern const route routes[OP_COUNT]; /* by op */

/* Whether it is a list that comes in pages: it answers as a table for people as well, and tells only the fields asked
 * for. */
bool route_has_pages(const route *t);

/* What a call takes out of its caller's bucket (server/edge/rate.h), in units. */
int64_t route_cost(op o);
/* Whether it asks somebody else, or the database, for a caller who has shown nothing yet. */
bool route_signs_in(op o);

/* The largest body the operation takes, bytes. */
int64_t route_body_max(op o);
