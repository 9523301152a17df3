#include "engine/raise.h"

#include <assert.h>

#define FROM(s) (1u << RAISE_##s)

/* From which states an event leads where; what an end of an applied one is called. */
static const struct {
	const char *name;
	uint32_t from;
	raise_state to;
} events[RAISE_EVENTS] = {
	[RAISE_APPROVE] = {"approve", FROM(PENDING), RAISE_APPROVED},
	[RAISE_GRANT] = {"grant", FROM(PENDING), RAISE_APPROVED},
	[RAISE_DENY] = {"deny", FROM(PENDING) | FROM(APPROVED) | FROM(APPLIED), RAISE_DENIED},
	[RAISE_CANCEL] = {"cancel", FROM(PENDING) | FROM(APPROVED) | FROM(APPLIED), RAISE_CANCELLED},
	[RAISE_APPLY] = {"apply", FROM(APPROVED), RAISE_APPLIED},
	[RAISE_EXPIRE] = {"expire", FROM(PENDING) | FROM(APPROVED), RAISE_EXPIRED},
	[RAISE_REVERT] = {"revert", FROM(APPLIED), RAISE_REVERTED},
};

static const char *const names[RAISE_STATES] = {
	[RAISE_PENDING] = "pending",
	[RAISE_APPROVED] = "approved",
	[RAISE_APPLIED] = "applied",
	[RAISE_REVERTED] = "reverted",
	[RAISE_DENIED] = "denied",
	[RAISE_CANCELLED] = "cancelled",
	[RAISE_EXPIRED] = "expired",
};

const char *raise_state_name(raise_state s)
{
	assert(s >= 0 && s < RAISE_STATES);
	return names[s];
}

bool raise_state_find(str name, raise_state *ret)
{
	for (int s = 0; s < RAISE_STATES; s++) {
		if (str_eq(name, str_from(names[s]))) {
			*ret = (raise_state)s;
			return true;
		}
	}
	return false;
}

const char *raise_event_name(raise_event e)
{
	assert(e >= 0 && e < RAISE_EVENTS);
	return events[e].name;
}

bool raise_event_find(str name, raise_event *ret)
{
	for (int e = 0; e < RAISE_EVENTS; e++) {
		if (str_eq(name, str_from(events[e].name))) {
			*ret = (raise_event)e;
			return true;
		}
	}
	return false;
}

static bool is_among(const strs *list, str s)
{
	for (uint32_t i = 0; i < list->n; i++)
		if (str_eq(list->v[i], s))
			return true;
	return false;
}

static bool is_program(str mark)
{
	return str_starts(mark, S("service:")) || str_starts(mark, S("ci:"));
}

static bool is_someone(str mark)
{
	return str_starts(mark, S("user:")) || is_program(mark);
}

/* Whether somebody stands behind both. A group is not somebody; nor is a credential without a subject, from which all
 * others of an installation may come. */
static bool share_someone(const strs *a, const strs *b)
{
	for (uint32_t i = 0; i < a->n; i++)
		if (is_someone(a->v[i]) && is_among(b, a->v[i]))
			return true;
	return false;
}

static bool is_self(const raise_actor *requester, const raise_actor *who)
{
	return str_eq(requester->subject, who->subject) || is_among(&who->marks, requester->subject) ||
	       is_among(&who->marks, requester->credential) || is_among(&requester->marks, who->subject) ||
	       is_among(&requester->marks, who->credential) || share_someone(&requester->marks, &who->marks);
}

static bool is_approver(const raise *r, const raise_actor *who)
{
	for (uint32_t i = 0; i < r->approvers.n; i++)
		if (is_among(&who->marks, r->approvers.v[i]))
			return true;
	return is_among(&r->approver_marks, who->subject) || is_among(&r->approver_marks, who->credential) ||
	       share_someone(&r->approver_marks, &who->marks);
}

/* A person, and no program among those who stand behind the credential. */
static bool is_person(const raise_actor *who)
{
	for (uint32_t i = 0; i < who->marks.n; i++)
		if (is_program(who->marks.v[i]))
			return false;
	return str_starts(who->subject, S("user:"));
}

static err approve(const raise *r, const raise_actor *who)
{
	if (!who->may_approve)
		return ERR_PERMISSION_DENIED;
	if (!is_person(who))
		return ERR_PERSON_REQUIRED;
	return is_self(&r->requester, who) || is_approver(r, who) ? ERR_SELF_APPROVAL_DENIED : ERR_OK;
}

static bool is_requester(const raise *r, const raise_actor *who)
{
	return str_eq(r->requester.subject, who->subject) || str_eq(r->requester.credential, who->credential);
}

static err may(const raise *r, raise_event e, const raise_actor *who)
{
	switch (e) {
	case RAISE_APPROVE:
		return approve(r, who);
	case RAISE_DENY:
		return who->may_approve ? ERR_OK : ERR_PERMISSION_DENIED;
	case RAISE_CANCEL:
		return is_requester(r, who) ? ERR_OK : ERR_PERMISSION_DENIED;
	default:
		return ERR_OK;
	}
}

static bool is_in_time(const raise *r, raise_event e)
{
	switch (e) {
	case RAISE_APPLY:
		return r->has_begun && !r->is_over;
	case RAISE_APPROVE:
	case RAISE_GRANT:
		return !r->is_over;
	case RAISE_EXPIRE:
	case RAISE_REVERT:
		return r->is_over;
	default:
		return true;
	}
}

static raise_state leads_to(const raise *r, raise_event e)
{
	if (e == RAISE_APPROVE && r->approvers.n + 1 < r->needed)
		return RAISE_PENDING;
	if (events[e].to == RAISE_APPROVED && r->has_begun)
		return RAISE_APPLIED;
	return r->state == RAISE_APPLIED ? RAISE_REVERTED : events[e].to;
}

err raise_step(const raise *r, raise_event e, const raise_actor *who, raise_state *ret)
{
	assert(e >= 0 && e < RAISE_EVENTS);
	assert(who || (e != RAISE_APPROVE && e != RAISE_DENY && e != RAISE_CANCEL));
	err refused = may(r, e, who);

	if (refused)
		return refused;
	if (!(events[e].from >> r->state & 1) || !is_in_time(r, e))
		return ERR_STATE_TRANSITION;
	*ret = leads_to(r, e);
	return ERR_OK;
}
