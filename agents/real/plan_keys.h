/* plan_keys: the public half of the key that signs plans, where the nodes of the cluster find it: a ConfigMap, which is
 * mounted as a file (reeve-node --plan-keys). It is written when an agent begins, and again until that has worked.
 */
#pragma once
#include "agents/kube/kube.h"
#include "net/signature.h"

#define PLAN_KEYS_OBJECT "reeve-plan-keys"
#define PLAN_KEYS_FILE   "plan-keys.pem"

enum { PLAN_KEYS_AGAIN_MS = 5000 };

typedef struct plan_keys_spec {
	loop *loop;
	kube *kube;
	str space; /* copied */
	const signing_key *key;
	/* It stands there, or did not work (why) and is tried again. Texts are valid during the call. */
	void (*on_written)(void *arg, long status, str why);
	void *arg;
	int64_t again_ms; /* 0: PLAN_KEYS_AGAIN_MS */
} plan_keys_spec;

typedef struct plan_keys_writer plan_keys_writer;

plan_keys_writer *plan_keys_write(const plan_keys_spec *s);
void plan_keys_close(plan_keys_writer *w); /* NULL-safe; before the kube */
