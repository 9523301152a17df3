/* library: where the shim's libraries are on this machine. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

/* The library of that name in folder; without a folder, where it stands beside this program: ../lib/reeve as installed,
 * ../lib as built. ERR_NOT_FOUND says where was looked. */
err library_find(const char *folder, const char *name, arena *a, const char **ret_path, fault *f) MUST_CHECK;
/* Makes a link `as` to it in another folder. */
err library_link(const char *folder, const char *name, const char *into, const char *as, arena *a, fault *f) MUST_CHECK;
