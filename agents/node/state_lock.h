/* state_lock: that one daemon alone has a state folder: two would take each other's work for what a crash left. */
#pragma once
#include "base/err.h"

/* Makes the folder when it is not there. Held as long as the descriptor is open. ERR_CONFLICT: another has it; ERR_IO.
 */
err state_lock(const char *state_dir, int *ret_fd, fault *f) MUST_CHECK;
