/* events: what people read in `kubectl describe` of a pod or a node, few of them.
 *
 * The same reason about the same object is written once a minute at most: what comes in between raises its count.
 */
#pragma once
#include "agents/kube/kube_write.h"

enum { EVENTS_KEPT_MAX = 4096 };
#define EVENTS_EVERY_US ((int64_t)60000000)

typedef struct events events;

events *events_new(kube *k, const char *component, const char *instance);
void events_free(events *e); /* NULL-safe */
/* About a pod. reason: one word ("Evicted"). */
void events_pod(
	events *e, str space, str name, str uid, bool is_warning, const char *reason, str message, int64_t now_us);
/* About a node: a warning. */
void events_node(events *e, str name, str uid, const char *reason, str message, int64_t now_us);
