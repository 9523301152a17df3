/* grant: rights at one node of the tenant tree, for it and everything below it, and where they come from.
 *
 * What a caller may do is a list of grants: a right is held at a node when a grant there or above it has the right. Two
 * lists meet in what both hold. That is how a token stays below whoever made it: its own grant meets what its owner and
 * its maker hold now.
 */
#pragma once
#include "api/rights.h"
#include "base/arena.h"

enum {
	GRANTS_MAX = 1000,       /* of one caller */
	GRANTS_PRUNED_FROM = 64, /* shorter lists keep what others cover, so that each source can be named */
	SUBJECT_MAX = 160,       /* bytes of a subject: kind, colon and name */
	GROUPS_MAX = 64,         /* of one caller */
};
#define GRANT_FOREVER INT64_MAX

typedef struct grant {
	int32_t tenant_key;
	str tenant; /* path; empty: the whole fleet */
	uint64_t rights;
	int64_t until_us; /* UTC; GRANT_FOREVER */
	str role;
	str source;    /* what grants: the id of a binding, a token, a trust */
	str backed_by; /* what it had to meet: the first, or the last that cut it; absent: nothing */
} grant;

typedef struct grants {
	grant *v;
	uint32_t n;
} grants;

/* The grant of a role at a node. A role nobody knows, or a platform role below the root, grants nothing. */
grant grant_of_role(str role, int32_t tenant_key, str tenant, int64_t until_us, str source);

/* Whether `below` is `above` or lies below it, both paths; the empty path is above all. */
bool path_covers(str above, str below);
/* What the list holds at a path. */
uint64_t grants_at(const grants *g, str path);
/* The same of those that do not end before until_us. */
uint64_t grants_at_until(const grants *g, str path, int64_t until_us);
/* What it holds anywhere. */
uint64_t grants_anywhere(const grants *g);

/* What both lists hold, in a. Sources are those of `of`. LIMIT: more than GRANTS_MAX. */
err grants_meet(arena *a, const grants *of, const grants *by, grants *ret) MUST_CHECK;

/* The form of a subject that somebody may name: user:, group: or service: and 1 to 150 bytes without control bytes. */
bool subject_is_fine(str subject);
