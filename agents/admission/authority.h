/* authority: a small certificate authority of the cluster's own, for the names under which the agent is called.
 *
 * EC P-256, SHA-256 (RFC 5280). All is PEM text: where it is kept is not known here. An authority lives a year and the
 * agents' leaf 30 days; the leaf that the scheduler shows to the agents lives as long as who signed it. A new authority
 * is told beside the old one from AUTHORITY_LEFT_US before that one's end, and signs from AUTHORITY_TURN_US before it:
 * whoever reads it once when it begins, as kube-scheduler does, has the time between to begin anew. One that was told
 * for less than AUTHORITY_TOLD_US never signs while there is another, and older ones are told until they end: a leaf is
 * never of an authority that is not told.
 */
#pragma once
#include "base/arena.h"

#define AUTHORITY_DAY_US  ((int64_t)86400 * 1000000)
#define AUTHORITY_LIVE_US (365 * AUTHORITY_DAY_US)
#define AUTHORITY_TOLD_US (1 * AUTHORITY_DAY_US)
#define AUTHORITY_TURN_US (14 * AUTHORITY_DAY_US)
#define AUTHORITY_LEFT_US (90 * AUTHORITY_DAY_US) /* with less left of the newest, another is made */
#define LEAF_LIVE_US      (30 * AUTHORITY_DAY_US)
#define LEAF_LEFT_US      (10 * AUTHORITY_DAY_US)

enum { AUTHORITIES_MAX = 4, AUTHORITY_NAMES_MAX = 8 };

/* All there is to keep. Each absent: there is none yet. */
typedef struct authority {
	str certificates; /* newest first, one after another */
	str keys;         /* of those, in the same order */
	str leaf, leaf_key;
	str client, client_key; /* whom the agents know for the scheduler by */
} authority;

/* Brings it up to date for `names` (DNS names, or addresses), as of now_us. True in *ret_changed: it is to be kept
 * anew; *a then points into mem. Texts that cannot be read count as none, and are made anew. ERR_TLS: the library
 * failed. */
err authority_tend(
	authority *a, const str *names, uint32_t n, int64_t now_us, arena *mem, bool *ret_changed, fault *f) MUST_CHECK;

/* When a certificate begins and ends, and how many stand in a text; for tests and logs. False: no certificate. */
bool certificate_times(str pem, int64_t *ret_from_us, int64_t *ret_until_us);
