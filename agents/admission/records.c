#include "agents/admission/records.h"
#include "agents/kube/pod.h"
#include "agents/plan_record.h"

#define ACCOUNT "system:serviceaccount:"

bool records_writers(records_spec *s, str names)
{
	while (names.p) {
		str one = str_trim(str_split(&names, ','));
		if (one.n && s->n == RECORDS_WRITERS_MAX)
			return false;
		if (one.n)
			s->writers[s->n++] = one;
	}
	return true;
}

static bool is_giver(const records_spec *s, const review *q)
{
	str account = str_starts(q->user, S(ACCOUNT)) ? str_cut(q->user, sizeof(ACCOUNT) - 1, q->user.n) : STR_NONE;
	str space = account.n ? str_split(&account, ':') : STR_NONE;

	for (uint32_t i = 0; space.n && i < s->n; i++)
		if (str_eq(space, s->writers[i]))
			return true;
	return q->is_master || str_starts(q->user, S("system:node:"));
}

static bool is_record(str key)
{
	return str_starts(key, S("hami.io/")) || str_eq(key, S(PLAN_ANNOTATION)) ||
	       str_eq(key, S("reeve.io/receipt")) || str_eq(key, S("volcano.sh/vgpu-ids-new")) ||
	       str_eq(key, S("volcano.sh/devices-to-allocate"));
}

static const object_pair *pair_find(const fields_pairs *all, str key)
{
	for (uint32_t i = 0; i < all->n; i++)
		if (str_eq(all->v[i].key, key))
			return &all->v[i];
	return NULL;
}

/* The first record of `all` that the other lacks or, where values count, has otherwise. */
static str record_lost(const fields_pairs *all, const fields_pairs *other, bool has_values)
{
	for (uint32_t i = 0; i < all->n; i++) {
		const object_pair *it = is_record(all->v[i].key) ? pair_find(other, all->v[i].key) : &all->v[i];
		if (!it || (has_values && !str_eq(it->value, all->v[i].value)))
			return all->v[i].key;
	}
	return STR_NONE;
}

void records_apply(const records_spec *s, const review *q, arena *a, review_answer *ret)
{
	pod was, is;

	*ret = (review_answer){0};
	if (is_giver(s, q))
		return;
	if (!q->object.p || !q->old.p || pod_read(q->object, a, &is) || pod_read(q->old, a, &was)) {
		ret->refused = REFUSAL_BAD_REVIEW;
		(void)fault_set(&ret->why, ERR_BAD_FIELD, "metadata", "the pod cannot be read");
		return;
	}
	str key = record_lost(&was.annotations, &is.annotations, true);
	if (!key.p)
		key = record_lost(&is.annotations, &was.annotations, false);
	if (!key.p)
		return;
	ret->refused = REFUSAL_RECORD_KEPT;
	(void)fault_set(&ret->why, ERR_BAD_FIELD, "metadata.annotations",
		STR_FMT " tells what the pod was given, and is written by the agents and device plugins alone",
		STR_ARG(str_cut(key, 0, 128)));
}
