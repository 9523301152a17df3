/* folders: where a server keeps its state. */
#pragma once
#include "base/err.h"

enum { FOLDER_PATH_MAX = 512 };

/* Makes data_dir (0700) when missing, checks that it can be written, and takes the lock that only one server per folder
 * holds (until exit). *ret_lock is the descriptor. */
err folders_take(const char *data_dir, int *ret_lock, fault *f) MUST_CHECK;
/* The folder for sockets: data_dir/run, or one under /tmp named after data_dir when that path is too long for a
 * socket's address. */
err folders_run(const char *data_dir, char ret_run[FOLDER_PATH_MAX], fault *f) MUST_CHECK;
