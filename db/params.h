/* params: the members of an in-struct as PostgreSQL's binary parameters.
 *
 * One params is filled, sent and filled again; its buffer keeps its memory, so that costs no allocation once warm.
 * Texts are not copied: the in-struct stays valid until the message is handed to libpq.
 */
#pragma once
#include "base/buf.h"
#include "db/stmt.h"

enum { PARAMS_BYTES_MAX = 64 << 20 };

typedef struct params {
	buf bytes;
	uint32_t n;
	size_t size; /* bytes of all values */
	const char *values[SQL_PARAMS_MAX];
	int lengths[SQL_PARAMS_MAX];
	int formats[SQL_PARAMS_MAX];
} params;

void params_init(params *b);
void params_done(params *b);

/* Fails with BAD_PARAMETER (pointer: the parameter's name) when a number does not fit int4 or a text holds a NUL, and
 * with INTERNAL when a parameter that is not nullable is absent. */
err params_fill(params *b, sql_id s, const void *in, fault *f) MUST_CHECK;

/* The object id of a type on the server. */
uint32_t pg_type_oid(pg_type t);
const char *pg_type_name(pg_type t);

/* Microseconds from 1970 to 2000, where PostgreSQL's time begins. */
#define PG_EPOCH_US 946684800000000LL
