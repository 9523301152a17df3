/* receipt: what a pod was bound for, signed, among its annotations.
 *
 * The agent learns from it after a restart which placement a running pod is, and what it is charged; the pod itself
 * outlives every agent. Whoever may edit a pod may edit annotations, so it is signed with the key that signs plans
 * (agents/plan_record.h) and names the pod's uid and node: one that does not hold counts as none.
 *
 *     plc_01JD0Z... 3.1 acme/research 7.h100-80g 250 20480 300 1795300440000000 0 - <signature>
 *
 * are the placement, its fence, the tenant, the loan it was let in out of and what of it ("-" and zeros: the server
 * placed it), when, its max_runtime_s, and its index among the placement's pods; of one that may begin elsewhere
 * when its cluster is not heard of, self_fence_s and speak_s behind that.
 */
#pragma once
#include "base/arena.h"
#include "engine/share.h"
#include "net/signature.h"

#define RECEIPT_ANNOTATION "reeve.io/receipt"

enum { RECEIPT_BYTES_MAX = 4096 };

typedef struct receipt {
	str id, fence, tenant;
	str loan; /* absent: the server placed it */
	amounts charge;
	int64_t at_us, max_runtime_s, index;
	int64_t self_fence_s, speak_s; /* 0: never, as usual */
} receipt;

/* Texts without blanks. In a; absent when it would be too long. */
str receipt_sign(const receipt *r, str pod_uid, str node, const signing_key *k, arena *a);
/* What it says, of one that was signed in this process: its signature is not looked at. Spans point into text. */
bool receipt_read(str text, receipt *ret);
/* False: it is none of ours for this pod on this node. Spans point into text. */
bool receipt_open(str text, str pod_uid, str node, const uint8_t key[SIGNATURE_KEY], receipt *ret);
