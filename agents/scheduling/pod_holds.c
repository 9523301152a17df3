#include "agents/scheduling/pod_holds.h"
#include "agents/scheduling/pod_wants.h"

static bool plan_open(str text, const plan_keys *keys, bool is_known, arena *a, plan_record *ret)
{
	return (is_known ? plan_record_read(text, a, ret) : plan_record_open(text, keys, a, ret, NULL)) == ERR_OK;
}

static bool plan_take(const pod *p, const plan_keys *keys, const uint8_t *trusted, arena *a, pod_holds *ret)
{
	str text = pod_annotation(p, PLAN_ANNOTATION);
	plan_record r;

	if (!text.n || !keys->n)
		return false;
	digest_sha256(&text, 1, ret->plan);
	return plan_open(text, keys, trusted && memcmp(trusted, ret->plan, DIGEST_BYTES) == 0, a, &r) &&
	       str_eq(r.pod_uid, p->meta.uid) && str_eq(r.node, p->node) &&
	       pod_shares_planned(p, &r, a, &ret->shares, &ret->n);
}

err pod_holds_read(const pod *p, const plan_keys *keys, const pod_holds *known, const uint8_t trusted[DIGEST_BYTES],
	arena *a, pod_holds *ret, fault *f)
{
	*ret = (pod_holds){0};
	ret->is_planned = plan_take(p, keys, trusted, a, ret);
	if (ret->is_planned)
		return ERR_OK;
	if (!known)
		return pod_shares_read(p, a, &ret->shares, &ret->n, f);
	*ret = *known;
	ret->shares = ARENA_ARRAY(a, stock_share, known->n);
	for (uint32_t i = 0; i < known->n; i++) {
		ret->shares[i] = known->shares[i];
		ret->shares[i].uuid = str_dup(a, known->shares[i].uuid);
	}
	return ERR_OK;
}

int64_t pod_unfinished_us(const pod *p)
{
	int64_t at_s = 0;

	if (!str_eq(pod_annotation(p, "hami.io/bind-phase"), S("allocating")) || !str_eq(p->phase, S("Pending")) ||
		!str_to_i64(pod_annotation(p, "hami.io/bind-time"), &at_s) || at_s <= 0 || at_s > INT64_MAX / 1000000)
		return 0;
	return at_s * 1000000;
}
