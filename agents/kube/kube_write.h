/* kube_write: what we write to the API server: bindings, evictions, events, applied and patched objects.
 *
 * Each is one call; its outcome comes to on_done as of any call (kube.h). What a status means is the caller's: a 409 of
 * a binding whose message says "already assigned" was bound by somebody, "Precondition failed" is another pod of the
 * same name; a 429 of an eviction means that a disruption budget forbids it now. A call that broke may have worked:
 * read the object before trying again.
 */
#pragma once
#include "agents/kube/kube.h"
#include "agents/kube/object.h"

enum { KUBE_WRITE_MAX = 1 << 20, KUBE_MANAGER_MAX = 128 };

typedef struct kube_done {
	void (*on_done)(void *arg, const kube_reply *r);
	void *arg;
} kube_done;

/* Binds the pod of this uid to the node; the annotations are merged into the pod in the same step. */
typedef struct kube_binding {
	str space, pod, uid, node;
	const object_pair *annotations;
	uint32_t n_annotations;
} kube_binding;
kube_call *kube_bind(kube *k, const kube_binding *b, kube_done done);

/* Asks the pod of this uid to go, as far as disruption budgets allow. grace_s -1: its own. */
kube_call *kube_evict(kube *k, str space, str pod, str uid, int64_t grace_s, kube_done done);

/* What people see in `kubectl describe`. The name must be new; kube_event_name makes one. */
typedef struct kube_event {
	str name;
	str kind, space, object, uid; /* what it is about; space is empty for objects of the cluster */
	bool is_warning;
	str reason, message; /* "FailedScheduling"; a sentence */
	str component, instance;
	int64_t first_us, last_us, count;
} kube_event;
kube_call *kube_event_send(kube *k, const kube_event *e, kube_done done);
/* "<object>.<16 hex digits>", cut to what a name may be. */
str kube_event_name(str object, arena *a);

/* Server-side apply of fields that we own; body is JSON. Another owner's fields are taken over. */
kube_call *kube_apply(kube *k, str path, str manager, str body, kube_done done);
/* Merge patch (RFC 7396). With metadata.resourceVersion in the body it is 409 when the object has changed. */
kube_call *kube_patch(kube *k, str path, str body, kube_done done);

/* RFC 3339 with exactly six digits of fraction: Kubernetes' MicroTime takes nothing else. */
enum { KUBE_MICRO_MAX = 32 };
str kube_micro_time(int64_t at_us, char out[KUBE_MICRO_MAX]);
/* The same without a fraction: its Time. */
str kube_time(int64_t at_us, char out[KUBE_MICRO_MAX]);
