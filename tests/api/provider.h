/* provider: the made-up identity provider (tests/issuer/local_issuer.c) beside a served edge that trusts it, for
 * pipelines and for people.
 */
#pragma once
#include "mint.h"
#include "served.h"

/* Starts both. The provider's CA is the edge's own. */
void provider_start(const char *database);
/* The same, with the provider to sign in with too. */
void provider_start_for_people(const char *database);
/* "https://localhost:PORT": its name as an issuer. */
const char *provider_url(void);
/* One of its keys, which stay: "a" and "b" (RSA), "e" (P-256). */
mint_key *provider_key(arena *a, const char *kid);
/* What it publishes from now on: the names of keys, joined by blanks; and signs with: the first of them. */
void provider_publish(const char *kids);
/* A file of its folder, see local_issuer.c. text NULL: it goes away. */
void provider_file(const char *name, const char *text);
/* A shell command in the data folder of the edge; $E is the edge's URL, $CURL a curl that trusts it. What it prints. */
str provider_shell(arena *a, const char *command);
