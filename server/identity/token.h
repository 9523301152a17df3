/* token: the text of a bearer credential.
 *
 *     rv_pat_<ULID>_<32 of base 62><6 of base 62: CRC-32 of all before>      a person or a pipeline: row tok_<ULID>
 *     rv_ci_<ULID>_<...>      a pipeline, by exchange:      row cit_<ULID>
 *     rv_ses_<ULID>_<...>     a person's browser, a cookie: row ses_<ULID>
 *     rv_join_<ULID>_<...>                                                    a cluster that joins:  row jtk_<ULID>
 *
 * The checksum lets a scanner, and us, throw away false finds without a look-up. The secret has 190 random bits, so its
 * SHA-256 is enough at rest.
 */
#pragma once
#include "base/id.h"

enum { TOKEN_SECRET = 32, TOKEN_CHECK = 6, TOKEN_HASH = 32, TOKEN_TEXT_MAX = 80 };

typedef enum token_kind { TOKEN_PAT, TOKEN_JOIN, TOKEN_CI, TOKEN_SESSION } token_kind;

/* A token just made: the text goes to its owner, the rest to the database. */
typedef struct token_made {
	char text[TOKEN_TEXT_MAX]; /* NUL-terminated */
	id id;
	uint8_t hash[TOKEN_HASH];
} token_made;

/* What a token's text says. */
typedef struct token_parsed {
	id id;
	uint8_t hash[TOKEN_HASH];
} token_parsed;

token_made token_make(token_kind k);
/* False for a text of another kind, of another form, or with a wrong checksum. */
bool token_parse(token_kind k, str text, token_parsed *ret);
/* Whether the hash at rest is that of the token; takes the same time for every answer. */
bool token_matches(const token_parsed *t, str hash);
