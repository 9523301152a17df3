/* trust: what the claims of a pipeline's identity token must be.
 *
 * Names of projects and branches may be given away and taken by somebody else, so a trust must hold to an id that never
 * changes, and `sub`, whose form changes with the provider's settings, is not looked at at all. Providers write
 * booleans and numbers as texts or not; they are compared as texts.
 */
#pragma once
#include "api/rights.h"
#include "server/identity/facts.h"

enum { TRUST_RULES_MAX = 32, TRUST_VALUES_MAX = 50, TRUST_VALUE_BYTES = 512, TRUST_CLAIM_BYTES = 64 };

typedef struct trust_rule {
	str claim;
	strs values; /* one of them */
} trust_rule;

typedef struct trust_rules {
	trust_rule *v;
	uint32_t n;
} trust_rules;

/* From {"claim": "text" or ["text", ...]}. BAD_FIELD with the pointer below "#/match". */
err trust_rules_read(str match, arena *a, trust_rules *ret, fault *f) MUST_CHECK;
/* Whether they say enough: an immutable id; nothing the server looks at itself; and, where the trust writes, a
 * protected environment or a protected ref. BAD_FIELD likewise. */
err trust_rules_check(const trust_rules *r, bool writes, fault *f) MUST_CHECK;

/* Whether a role may be given to a pipeline at all: none that makes tokens, bindings or trusts, or approves. */
bool trust_takes_role(const role_row *role);
/* Whether a role does more than look. */
bool trust_role_writes(const role_row *role);

/* The claims that do not fit, in the order of the rules, in a; none: they all fit. */
strs trust_differences(const trust_rules *r, const facts *claims, arena *a);
/* The ids that never change among the claims, as trusts are found by them: "repository_id=456789" (migrations:
 * trust_anchors). */
strs trust_anchors(const facts *claims, arena *a);
/* What is refused whatever a trust says; NULL, or the claim. */
const char *trust_never(const facts *claims);
/* The claims that tell people which run it was: "repository=acme/quotas ref=...". */
str trust_summary(const facts *claims, arena *a);
