/* cast: who and what takes part in the demo: clusters with their devices, tenants, and what they may use.
 *
 * Everything stands in tables. Checks compare what the server says with what stands here, so a number is written once.
 */
#pragma once
#include "base/buf.h"

enum { CAST_CLUSTERS = 3, CAST_TENANTS = 5, CAST_KINDS_MAX = 2, CAST_QUOTAS_MAX = 32 };

/* Equal nodes with equal devices. */
typedef struct cast_nodes {
	const char *product; /* what the vendor calls the device: its class follows from the server's patterns */
	const char *class;   /* which it must come out as */
	const char *uuid_prefix, *node_prefix;
	int64_t device_memory_mib, nodes, devices; /* devices per node */
	int64_t cpu_milli, memory_mib;
} cast_nodes;

typedef struct cast_cluster {
	const char *name;
	cast_nodes nodes[CAST_KINDS_MAX]; /* ends at product NULL */
} cast_cluster;
extern const cast_cluster cast_clusters[CAST_CLUSTERS];

typedef enum cast_who { ACME, RESEARCH, VISION, GLOBEX, SERVING } cast_who;

typedef struct cast_tenant {
	const char *name, *path;
	int parent; /* cast_who, or -1 */
	const char *about;
} cast_tenant;
extern const cast_tenant cast_tenants[CAST_TENANTS]; /* parents first */

typedef struct cast_quota {
	cast_who who;
	const char *model;
	int64_t guaranteed, limit; /* device_milli */
	int64_t limit_memory_mib;  /* 0: not named */
} cast_quota;
extern const cast_quota cast_quotas[];
extern const size_t cast_quotas_n;

const cast_quota *cast_quota_of(cast_who who, const char *model); /* NULL: none */
bool cast_is_below(cast_who who, cast_who top);                   /* or the same */
int cast_who_is(str path);                                        /* -1: nobody of ours */

int64_t cast_nodes_count(const cast_cluster *c);
int64_t cast_devices_count(const cast_cluster *c);
/* Memory of one device of the class, or 0. */
int64_t cast_device_memory_mib(str class);
/* The class a product must come out as, or NULL. */
const char *cast_class_of(str product);

/* The scene of a simulated cluster (agents/simulate/scene.h). start_ms: from bound to running. */
void cast_scene(const cast_cluster *c, int64_t start_ms, buf *out);
/* The body that sets the quota of a tenant. */
void cast_quota_body(cast_who who, buf *out);
