/* spaces: which tenant each namespace of the cluster belongs to.
 *
 * What the server says, of a namespace or of those with its labels, goes first. Of others the namespace says so by its
 * annotation; one that does not belongs to the cluster's default tenant, if it has one. Who may change a namespace may
 * say whose it is, where the server does not: tenants must not (docs/kubernetes.md).
 */
#pragma once
#include "agents/kube/follow.h"
#include "base/map.h"

#define SPACES_TENANT_KEY "reeve.io/tenant"

enum { SPACES_TENANT_MAX = 600, SPACES_LABELS_MAX = 64 * 1024 };

typedef struct spaces spaces;

typedef struct spaces_spec {
	loop *loop;
	kube *kube;
	/* All namespaces were told once, or one belongs to another tenant now. Optional. */
	void (*on_change)(void *arg);
	void *arg;
} spaces_spec;

spaces *spaces_open(const spaces_spec *s);
void spaces_close(spaces *s); /* NULL-safe; before the kube */
bool spaces_is_ready(const spaces *s);
/* Of namespaces that do not say. Empty: they belong to nobody. */
void spaces_default(spaces *s, str tenant);
/* Whom the server names for a namespace with these labels ("key=value,key=value"), or absent; NULL: nobody is asked.
 * What it says now may be other than before. */
void spaces_told(spaces *s, str (*tenant_of)(void *arg, str space, str labels), void *arg);
/* The tenant's path; absent: it belongs to nobody, or is not known. Valid until the loop runs. */
str spaces_tenant(const spaces *s, str space);
