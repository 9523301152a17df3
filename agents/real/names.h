/* names: what pods and their placements are called by one another. */
#pragma once
#include "agents/kube/pod.h"
#include "base/id.h"

/* A pod that claims a placement which the server was asked for names it, and which of its pods it is. */
#define NAME_PLACEMENT_KEY "reeve.io/placement"
#define NAME_INDEX_KEY     "reeve.io/index"
#define NAME_JOB_INDEX_KEY "batch.kubernetes.io/job-completion-index"
#define NAME_RUNTIME_KEY   "reeve.io/max-runtime-s"
/* A label that tells the scheduler to look at a waiting pod again. */
#define NAME_STIR_KEY      "reeve.io/granted"

/* The placement's id of a pod that came by itself: the same whoever asks, before and after a restart, and another for
 * each pod of all clusters. */
id name_of_pod(str cluster_uid, str pod_uid);
/* The placement that the pod claims, or an absent text. */
str name_claimed(const pod *p);
/* Its index among the pods of that; 0 where it does not say. */
int64_t name_index(const pod *p);
/* 0: open. */
int64_t name_max_runtime_s(const pod *p);
