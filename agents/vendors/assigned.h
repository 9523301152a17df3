/* assigned: which devices each container of a pod was given, as annotations tell it.
 *
 * A device is "UUID,TYPE,MiB,cores:", a container is its devices and ";". Since HAMi 2.9 init containers come first and
 * a container without a device keeps its empty place: "GPU-a,NVIDIA,3000,30:;;". Pods that run out there were written
 * in three ways, which one text cannot tell apart: up to 2.8 without init containers, since 2.9 as now, and by 2.10
 * with the empty places left out. So reading does not trust places: it hands the places that hold something, in order,
 * to the containers that asked for something, and is sure of it only when the numbers agree.
 */
#pragma once
#include "base/arena.h"

enum {
	ASSIGNED_DEVICES_MAX = 64,     /* of one container */
	ASSIGNED_CONTAINERS_MAX = 256, /* places of one text */
};

typedef struct assigned_device {
	str uuid, type;
	int64_t memory_mib;
	int64_t compute; /* in the kind's units, or bits of its cores (agents/vendors/vendor.h) */
} assigned_device;

typedef struct assigned_container {
	assigned_device *devices;
	uint32_t n;
} assigned_container;

typedef struct assigned {
	assigned_container *containers;
	uint32_t n;
} assigned;

/* What a container asked for; init containers come first. */
typedef struct assigned_asker {
	bool is_init;
	uint32_t count; /* devices of the kind; 0: none */
} assigned_asker;

/* The places of the text as they stand, spans into it. A device of fewer than four fields, an amount that is no number
 * and texts past the limits are ERR_BAD_FIELD; empty texts are no place at all. */
err assigned_read(str text, arena *a, assigned *ret, fault *f) MUST_CHECK;

/* One place per asker, in order. ERR_CONFLICT: the text does not fit what the pod asks for. */
err assigned_settle(
	const assigned *places, const assigned_asker *askers, uint32_t n, arena *a, assigned *ret, fault *f) MUST_CHECK;

/* The present form; absent when it is longer than the annotations of an object may be. */
str assigned_print(const assigned *all, arena *a);
