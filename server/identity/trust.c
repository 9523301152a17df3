#include "server/identity/trust.h"

#include "base/buf.h"

enum { SUMMARY_BYTES = 1000 };

/* Of GitHub and of GitLab. */
static const char *const anchors[] = {"repository_id", "project_id", "namespace_id"};
/* Checked by the server itself, or not fit to be compared. */
static const char *const own[] = {"iss", "aud", "exp", "nbf", "iat", "jti", "sub"};
static const char *const told[] = {"repository", "project_path", "ref", "environment", "event_name", "pipeline_source",
	"workflow_ref", "job_workflow_ref", "ci_config_ref_uri", "run_id", "run_attempt", "pipeline_id", "job_id",
	"actor", "user_login", "sha"};
#define COUNT(v) (sizeof(v) / sizeof(*(v)))

/* Runs with the rights of the target on what a stranger proposes. */
static const char event_never[] = "pull_request_target";

static const trust_rule *rule_find(const trust_rules *r, const char *claim)
{
	for (uint32_t i = 0; i < r->n; i++)
		if (str_eq(r->v[i].claim, str_from(claim)))
			return &r->v[i];
	return NULL;
}

static bool claim_is_fine(str name)
{
	for (uint32_t i = 0; i < name.n; i++) {
		char c = name.p[i];
		bool is_word = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
		if (!is_word)
			return false;
	}
	return name.n >= 1 && name.n <= TRUST_CLAIM_BYTES;
}

static err bad(fault *f, str claim, const char *why)
{
	fault_set(f, ERR_BAD_FIELD, "#", "%s", why);
	fault_prefix(f, claim);
	fault_prefix(f, S("match"));
	return ERR_BAD_FIELD;
}

static err rule_read(const facts *all, const fact *one, arena *a, trust_rule *ret, fault *f)
{
	if (!claim_is_fine(one->name))
		return bad(f, one->name, "is no name of a claim");
	if (!facts_texts(all, one->name, TRUST_VALUES_MAX, a, &ret->values) || !ret->values.n)
		return bad(f, one->name, "must be a text or a list of 1 to 50 texts");
	for (uint32_t i = 0; i < ret->values.n; i++)
		if (!ret->values.v[i].n || ret->values.v[i].n > TRUST_VALUE_BYTES)
			return bad(f, one->name, "a text of it is empty or longer than 512 bytes");
	ret->claim = one->name;
	return ERR_OK;
}

err trust_rules_read(str match, arena *a, trust_rules *ret, fault *f)
{
	facts all;
	trust_rules r = {ARENA_ARRAY(a, trust_rule, TRUST_RULES_MAX), 0};
	fault why = {0};

	if (facts_read(match, a, &all, &why))
		return fault_set(f, ERR_BAD_FIELD, "#/match", "must be an object of claims: %s", why.detail);
	if (all.n > TRUST_RULES_MAX)
		return fault_set(f, ERR_BAD_FIELD, "#/match", "names more than %d claims", TRUST_RULES_MAX);
	for (uint32_t i = 0; i < all.n; i++) {
		err e = rule_read(&all, &all.v[i], a, &r.v[r.n], f);
		if (e)
			return e;
		r.n++;
	}
	*ret = r;
	return ERR_OK;
}

static bool is_exactly(const trust_rule *r, const char *value)
{
	return r && r->values.n == 1 && str_eq(r->values.v[0], str_from(value));
}

static err writing_check(const trust_rules *r, fault *f)
{
	if (rule_find(r, "environment") || (rule_find(r, "ref") && is_exactly(rule_find(r, "ref_protected"), "true")))
		return ERR_OK;
	return fault_set(f, ERR_BAD_FIELD, "#/match",
		"a role that changes something needs environment, or ref together with ref_protected \"true\"");
}

err trust_rules_check(const trust_rules *r, bool writes, fault *f)
{
	bool is_anchored = false;
	const trust_rule *event = rule_find(r, "event_name");

	for (size_t i = 0; i < COUNT(own); i++)
		if (rule_find(r, own[i]))
			return bad(f, str_from(own[i]),
				strcmp(own[i], "sub") == 0 ? "is not looked at: match the claims it is made of"
							   : "is checked by the server itself");
	for (uint32_t i = 0; event && i < event->values.n; i++)
		if (str_eq(event->values.v[i], str_from(event_never)))
			return bad(f, event->claim,
				"pull_request_target runs what strangers propose: it is never trusted");
	for (size_t i = 0; i < COUNT(anchors); i++)
		is_anchored |= rule_find(r, anchors[i]) != NULL;
	if (!is_anchored)
		return fault_set(f, ERR_BAD_FIELD, "#/match",
			"needs an id that never changes: repository_id (GitHub), project_id or namespace_id (GitLab)");
	return writes ? writing_check(r, f) : ERR_OK;
}

bool trust_takes_role(const role_row *role)
{
	static const right never[] = {
		RIGHT_TOKEN_WRITE, RIGHT_BINDING_WRITE, RIGHT_TRUST_WRITE, RIGHT_QUOTA_APPROVE, RIGHT_AGENT};

	for (size_t i = 0; i < COUNT(never); i++)
		if (rights_hold(role->rights, never[i]))
			return false;
	return true;
}

bool trust_role_writes(const role_row *role)
{
	for (right k = RIGHT_SELF; k < RIGHT_COUNT; k++) {
		/* A plan changes nothing; to apply it takes the rights of its changes. */
		bool looks = k == RIGHT_SELF || k == RIGHT_WATCH || k == RIGHT_PLAN_WRITE ||
			     str_ends(str_from(right_name(k)), S(".read"));
		if (!looks && rights_hold(role->rights, k))
			return true;
	}
	return false;
}

static bool rule_fits(const trust_rule *r, const fact *one)
{
	if (!one || one->kind == FACT_LIST || one->kind == FACT_OBJECT || one->kind == FACT_NULL)
		return false;
	for (uint32_t i = 0; i < r->values.n; i++)
		if (str_eq(r->values.v[i], one->value))
			return true;
	return false;
}

strs trust_differences(const trust_rules *r, const facts *claims, arena *a)
{
	strs all = {ARENA_ARRAY(a, str, TRUST_RULES_MAX), 0};

	for (uint32_t i = 0; i < r->n; i++)
		if (!rule_fits(&r->v[i], facts_find(claims, r->v[i].claim)))
			all.v[all.n++] = r->v[i].claim;
	return all;
}

strs trust_anchors(const facts *claims, arena *a)
{
	strs all = {ARENA_ARRAY(a, str, COUNT(anchors)), 0};

	for (size_t i = 0; i < COUNT(anchors); i++) {
		const fact *one = facts_find(claims, str_from(anchors[i]));
		bool is_plain = one && (one->kind == FACT_TEXT || one->kind == FACT_NUMBER);
		if (is_plain && one->value.n && one->value.n <= TRUST_VALUE_BYTES && str_is_utf8(one->value) &&
			!memchr(one->value.p, '\0', one->value.n))
			all.v[all.n++] = str_print(a, "%s=" STR_FMT, anchors[i], STR_ARG(one->value));
	}
	return all;
}

const char *trust_never(const facts *claims)
{
	const fact *event = facts_find(claims, S("event_name"));

	return event && str_eq(event->value, str_from(event_never)) ? "event_name" : NULL;
}

str trust_summary(const facts *claims, arena *a)
{
	buf out;

	buf_init(&out, SUMMARY_BYTES);
	for (size_t i = 0; i < COUNT(told); i++) {
		str value = facts_text(claims, str_from(told[i]));
		if (value.p && out.n + value.n + TRUST_CLAIM_BYTES < SUMMARY_BYTES)
			buf_printf(&out, "%s%s=" STR_FMT, out.n ? " " : "", told[i], STR_ARG(value));
	}
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}
