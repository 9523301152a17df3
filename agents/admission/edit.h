/* edit: changes of a pod as a JSON Patch (RFC 6902), so that members that we do not know stay as they are.
 *
 * An `add` under a member that is not there fails the whole request of whoever makes the pod, so parents are made
 * first, once. Nothing is written that stands there already: the API server asks again when another webhook changed the
 * pod.
 */
#pragma once
#include "agents/kube/pod.h"
#include "base/buf.h"

typedef struct edit edit;

/* p must outlive it; texts are copied or live in a. */
edit *edit_new(const pod *p, arena *a);

void edit_annotation(edit *e, const char *key, str value);
void edit_annotation_drop(edit *e, str key);
void edit_scheduler(edit *e, str name);
void edit_runtime_class(edit *e, str name);
/* A limit of container `at` of the pod, and its request where it says one. */
void edit_amount(edit *e, uint32_t at, const char *resource, int64_t value);
/* A variable of container `at`. */
void edit_variable(edit *e, uint32_t at, const char *name, str value);

/* The patch, in the arena; absent: nothing changes. False: it is longer than a patch may be. */
bool edit_patch(edit *e, str *ret) MUST_CHECK;

/* "spec.initContainers[0]" and so on of container `at`, as Kubernetes names fields. */
str edit_field(const pod *p, uint32_t at, arena *a);
