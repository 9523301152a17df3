/* budgets: Kubernetes' PodDisruptionBudgets: how many pods may still go, and which of them it is about.
 *
 * The API server keeps them: an eviction that one forbids is refused. Here they are known beforehand, so that nobody is
 * chosen who could not go. What cannot be read, or was changed since its numbers were counted, lets nobody go.
 * (policy/v1)
 */
#pragma once
#include "agents/kube/pod.h"

enum { BUDGETS_MAX = 100000 };

typedef struct budgets budgets;

budgets *budgets_new(void);
void budgets_free(budgets *b); /* NULL-safe */
/* All there are have been told: until then nobody may go. */
void budgets_known(budgets *b);
/* As the API server tells it. ERR_BAD_FIELD: it cannot be read; ERR_LIMIT: too many. */
err budgets_put(budgets *b, const object_meta *of, str object) MUST_CHECK;
void budgets_drop(budgets *b, str space, str name);

/* One choice of pods: what is taken in it counts until the next begins. */
void budgets_begin(budgets *b);
/* labels: pod_labels_text. Whether every budget of the pod lets it go; then it is counted in each. b NULL: there are
 * none. */
bool budgets_take(budgets *b, str space, str labels);
void budgets_give(budgets *b, str space, str labels);
