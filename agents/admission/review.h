/* review: an AdmissionReview of the API server, and the answer to it (admission.k8s.io/v1).
 *
 * A refusal is an answer of status 200 that says so; people read its message, programs its code (refusals.def), which
 * stands in the details, in the audit annotations and at the message's end. An answer without its request's uid is
 * none, so a body whose uid cannot be read gets no answer.
 */
#pragma once
#include "agents/kube/object.h"
#include "base/buf.h"

typedef enum refusal {
	REFUSAL_NONE = 0,
#define R(id, status, code, means) REFUSAL_##id,
#include "agents/admission/refusals.def"
#undef R
	REFUSAL_COUNT
} refusal;
const char *refusal_code(refusal r);
int refusal_status(refusal r);

enum { REVIEW_WARNINGS_MAX = 8, REVIEW_WARNING_BYTES = 120, REVIEW_UID_MAX = 128 };

typedef struct review {
	str uid;
	str operation;    /* CREATE, UPDATE, DELETE, CONNECT */
	str resource;     /* "pods" */
	str sub_resource; /* "binding"; empty: none */
	str space, name;  /* name: empty for who gets one from the API server */
	str user;
	bool is_master; /* the user is of the group system:masters */
	str object;     /* its bytes; absent for DELETE */
	str old;        /* the same of what is changed or deleted; absent for CREATE */
	bool is_dry_run;
} review;

/* Points into body or a. ERR_BAD_FIELD: no review of v1, or one without a uid. */
err review_read(str body, arena *a, review *ret, fault *f) MUST_CHECK;

typedef struct review_answer {
	refusal refused; /* with why */
	fault why;       /* pointer: the field, as Kubernetes writes them: spec.containers[0].env[2] */
	str patch;       /* JSON Patch (RFC 6902), or absent */
	str warnings[REVIEW_WARNINGS_MAX];
	uint32_t n_warnings;
	object_pair audit[4]; /* keys are one word; the API server puts the webhook's name in front */
	uint32_t n_audit;
} review_answer;

/* What is more than REVIEW_WARNINGS_MAX is left out; Kubernetes cuts warnings after REVIEW_WARNING_BYTES. */
void review_warn(review_answer *r, str text);
void review_note(review_answer *r, const char *key, str value);
void review_write(const review *q, const review_answer *r, buf *out);
