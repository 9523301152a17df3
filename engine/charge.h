/* charge: what a slice of a device takes of a tenant's quota.
 *
 * Every slice is charged to the model of its device. An instance of a profile (MIG, vNPU) is charged to its share mode
 * beside it: `h100-80g.mig-3g.40gb`, `ascend910b3.vir05`. A share mode has a number of its own in the tree of quota,
 * past those of the models, and no terms but class_limit.
 */
#pragma once
#include "engine/fleet.h"
#include "engine/quota.h"

enum { CHARGE_NAME_MAX = 160 };

/* The number of a class (is its handle) or of one of its share modes, by name; FLEET_NONE: there is no such thing. */
int32_t charge_find(const fleet *f, str name);
/* The name of such a number; that of a mode which its class has no more ends with its dot. */
str charge_name(const fleet *f, int32_t number, char out[CHARGE_NAME_MAX]);
bool charge_is_mode(int32_t number); /* a share mode and no class */

/* The share mode of a slice, FLEET_NONE: it is no instance. */
int32_t charge_mode(const fleet *f, const plan_device *s);
/* Whether the slice counts there. */
bool charge_counts(const fleet *f, const plan_device *s, int32_t number);

/* As quota_check, quota_take and quota_give of one slice, at its model and its mode. */
bool charge_check(const quota *q, const fleet *f, int32_t tenant, const plan_device *s, blocker *ret_blocker);
void charge_take(quota *q, const fleet *f, int32_t tenant, const plan_device *s);
void charge_give(quota *q, const fleet *f, int32_t tenant, const plan_device *s);
