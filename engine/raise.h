/* raise: the states of a raise of quota, the steps between them, and who may take them. No clock: what time it is for a
 * raise is told.
 *
 *     pending -> approved -> applied -> reverted
 *     pending -> denied, cancelled, expired; approved -> the same
 *
 * Approval of one whose time has come applies it in the same step. What is over can only end: no step leads from there
 * to approved or applied.
 *
 * Nobody approves their own: not the requester, not a credential that the requester owns or made, and nobody who stands
 * behind the requester's credential. Two credentials that one person made are that person's, whatever names they bear.
 */
#pragma once
#include <stdbool.h>
#include "base/err.h"
#include "base/str.h"

typedef enum raise_state {
	RAISE_PENDING,
	RAISE_APPROVED,
	RAISE_APPLIED,
	RAISE_REVERTED,
	RAISE_DENIED,
	RAISE_CANCELLED,
	RAISE_EXPIRED,
	RAISE_STATES
} raise_state;

typedef enum raise_event {
	RAISE_APPROVE, /* a person at the parent */
	RAISE_GRANT,   /* the parent's policy */
	RAISE_DENY,    /* somebody at the parent; an applied one is taken back */
	RAISE_CANCEL,  /* the requester; an applied one is given back */
	RAISE_APPLY,   /* the clock: its time has come */
	RAISE_EXPIRE,  /* the clock: its time is over, and it never counted */
	RAISE_REVERT,  /* the clock: its time is over */
	RAISE_EVENTS
} raise_event;

/* Who acts: the subject a credential stands for, or the credential itself where it has none; the credential; and all
 * subjects, groups and credentials it stands on, itself among them. */
typedef struct raise_actor {
	str subject, credential;
	strs marks;
	bool may_approve; /* holds the right at the parent of the tenant; ignored for the requester */
} raise_actor;

typedef struct raise {
	raise_state state;
	raise_actor requester;
	strs approvers;      /* so far: subjects */
	strs approver_marks; /* of all of them */
	int64_t needed;      /* approvers: 1 or 2 */
	bool has_begun;      /* its time has come */
	bool is_over;        /* its time is over, or nobody decided in time, or its tenant is gone */
} raise;

const char *raise_state_name(raise_state s); /* "pending" */
bool raise_state_find(str name, raise_state *ret);
const char *raise_event_name(raise_event e); /* "approve" */
bool raise_event_find(str name, raise_event *ret);

/* The state the event leads to; pending again after the first of two approvals. who: NULL for the clock's and the
 * policy's. Errors: STATE_TRANSITION; PERMISSION_DENIED (not the requester, or lacks the right); PERSON_REQUIRED;
 * SELF_APPROVAL_DENIED (also towards the other approver). */
err raise_step(const raise *r, raise_event e, const raise_actor *who, raise_state *ret) MUST_CHECK;
