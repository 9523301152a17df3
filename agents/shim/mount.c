#include "shim/region.h"

#ifndef SHIM_MOUNT
#define SHIM_MOUNT LIMITS_FOLDER
#endif

const char region_mount[] = SHIM_MOUNT;
