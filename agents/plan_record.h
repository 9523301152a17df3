/* plan_record: what the cluster agent decided for one pod, as the annotation that the node may trust.
 *
 * Whoever may edit a pod may edit its annotations, so the record is signed (Ed25519, RFC 8032) by the agent that binds;
 * nodes hold public keys alone. It names the pod by uid and the node, so that it is worth nothing on another pod or
 * node, and carries the placement's fence, so that an older record of the same pod can be told from a newer one.
 *
 * The form is canonical: one text per record, and reading refuses whatever printing would not have written.
 *
 *     reeve-plan/1
 *     pod 8a0c3b9e-52a1-4f4e-9d1e-7a1f5f0c2b11
 *     node gpu-7
 *     placement plc_01JD0Z...
 *     fence 3
 *     made 1795300440000000
 *     mode high lend
 *     init setup
 *     container main
 *     share nvidia.com/gpu GPU-5f0c2b11-... 8000 300
 *     share nvidia.com/gpu GPU-7a1f0c2b-... 9728 142 1g.10gb 4
 *     signature 4f2a90c1 MEUCIQ...
 *
 * The signature covers every byte in front of its own line; the word before it names the key: the first 8 hex digits of
 * the SHA-256 of the public key.
 */
#pragma once
#include "base/arena.h"
#include "net/signature.h"

#define PLAN_ANNOTATION "reeve.io/plan"

enum {
	PLAN_BYTES_MAX = 128 << 10, /* of the annotation; an object's annotations are 256 KiB at most */
	PLAN_CONTAINERS_MAX = 256,
	PLAN_SHARES_MAX = 64, /* of one container */
	PLAN_KEYS_MAX = 4,    /* that a node takes at once: the present one, and those it replaces */
	PLAN_MEMORY_MIB_MAX = 1 << 30,
};

/* What one container gets of one device. */
typedef struct plan_share {
	str resource; /* the name that the kubelet counts: "nvidia.com/gpu" */
	str uuid;
	int64_t memory_mib;    /* 0 to PLAN_MEMORY_MIB_MAX; 0: the whole memory */
	int64_t compute_milli; /* 1 to 1000 */
	str profile;           /* of an instance to be made ("1g.10gb"), or absent */
	int32_t start;         /* the instance's first slot; 0 without a profile */
} plan_share;

typedef struct plan_container {
	str name;
	bool is_init;
	plan_share *shares;
	uint32_t n;
} plan_container;

typedef struct plan_record {
	str pod_uid, node, placement;
	int64_t fence; /* from 1 */
	int64_t made_us;
	bool is_low;                /* its work waits while work of high priority runs on the device */
	bool may_lend;              /* idle time of neighbours may be used; else compute_milli is a hard cap */
	bool may_oversubscribe;     /* memory over the limit becomes managed memory instead of being refused */
	plan_container *containers; /* all of the pod, init containers first, each in the pod's order */
	uint32_t n;
} plan_record;

/* The annotation. ERR_BAD_FIELD: an empty name, one with blanks or control bytes, or a number out of its range;
 * ERR_LIMIT: it would be longer than PLAN_BYTES_MAX. The text lives in a. */
err plan_record_sign(const plan_record *r, const signing_key *k, arena *a, str *ret_text, fault *f) MUST_CHECK;

typedef struct plan_keys {
	uint8_t v[PLAN_KEYS_MAX][SIGNATURE_KEY];
	uint32_t n;
} plan_keys;

/* Reads the text when one of the keys signed it; spans point into text and a. ERR_BAD_FIELD: it is no record;
 * ERR_PERMISSION_DENIED: no key of these signed it. The caller compares pod_uid and node with its own. */
err plan_record_open(str text, const plan_keys *keys, arena *a, plan_record *ret, fault *f) MUST_CHECK;
/* The same of a text that was opened before: who signed it is not looked at. */
err plan_record_read(str text, arena *a, plan_record *ret) MUST_CHECK;
