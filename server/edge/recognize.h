/* recognize: from a credential to its principal: reads tokens, bindings and the tenants below.
 *
 * One way in for every credential we hand out: bearer tokens, tokens that pipelines were given in exchange, and
 * sessions of browsers. Each is read as a claim (server/identity/principal.h).
 */
#pragma once
#include "db/sql.h"
#include "db/reader.h"
#include "server/identity/principal.h"

typedef struct recognize recognize;

/* e: OK; TOKEN_INVALID: there is no such token, or it or a token it was made with was revoked; PERMISSION_DENIED: more
 * bindings than a caller may have; or why the database could not be asked. who: a reference for the callee with OK,
 * else NULL. It is in no cache yet. */
typedef void recognize_done(recognize *k, err e, principal *who);

struct recognize {
	db_reader *reader; /* of the platform */
	arena *arena;
	recognize_done *on_done;
	void *arg;
	fault fault;             /* with an error */
	int64_t last_used_at_us; /* 0: never */
	claim *claim;
	principal *who;
	union {
		sql_token_chain_in token;
		sql_session_find_in session;
		sql_ci_token_grants_in ci;
		sql_bindings_of_in bindings;
		sql_tenant_keys_below_in keys;
	} in;
	char id[ID_MAX], maker[ID_MAX];
	bool is_behind; /* what is read now stands behind the credential */
	bool with_gone;
	bool has_hash; /* the credential is there, whether or not it still counts */
	uint8_t hash[TOKEN_HASH];
};

/* By the id of a token, an exchanged token or a session. with_gone: the tenants below that were deleted too, of which
 * there may be many: for who reads what was. k stays where it is until on_done, which runs from the loop, exactly once.
 */
void recognize_credential(
	recognize *k, db_reader *reader, str credential, bool with_gone, recognize_done *on_done, void *arg);
