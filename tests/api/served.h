/* served: an edge of its own for a test: a database, a data folder, a listener without TLS, in a child process; tokens
 * for every role; and a client that speaks to it over a socket.
 */
#pragma once
#include <jansson.h>
#include "api/rights.h"
#include "base/arena.h"
#include "server/identity/token.h"

enum { SERVED_TOKENS = 32 };

typedef struct answer {
	int status;
	str head; /* header lines */
	str body;
	json_t *doc; /* NULL: the body is no JSON */
} answer;

/* From now on an edge that lets every caller do everything (debug builds have one). */
void served_without_rights(void);
/* Starts the edge; it ends with this process. `name` makes the database's name. */
void served_start(const char *name);
/* Another edge in its place. */
void served_restart(void);
const char *served_dsn(void);
int served_port(void);
int served_tls_port(void);
const char *served_folder(void);

/* A token for the role at the tenant (path; NULL: the whole fleet), kept under `name` and made on first use. */
const char *served_token(const char *role, const char *tenant);

/* The same, of a person or program that holds the role there: `subject` is who. Before the token's first use. */
const char *served_person(const char *role, const char *tenant, const char *subject);

/* One request on a connection of its own; head: lines with CRLF, or NULL. Everything lives in a. */
answer served_call(
	arena *a, const char *token, const char *method, const char *path, const char *head, const char *body);
/* The worker's part, in this process: until every record of both chains is under a checkpoint, which takes so many
 * records at most. */
void served_seal(int64_t records);

/* A connection. */
int served_dial(void);
/* Bytes as they are, and what came back until the server closed or a whole answer stood there. */
answer served_raw(arena *a, const char *bytes, size_t n);

/* POST over TLS, with the client certificate and key <pair>.pem and <pair>.key of the folder, or NULL. No head is kept.
 */
answer served_tls_call(arena *a, const char *path, const char *body, const char *pair);

/* The header's value, or STR_NONE. */
str answer_header(const answer *r, const char *name);
/* Whether every member of `part` is in `whole` with that value; null: or is not there; arrays compare item by item. */
bool json_has(const json_t *whole, const json_t *part);
