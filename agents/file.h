/* file: small files of the state folder, read and written whole. */
#pragma once
#include "base/arena.h"
#include "base/err.h"

#define FILE_BYTES_MAX ((size_t)1 << 30)

/* The whole file into a. ERR_NOT_FOUND when it is not there, ERR_LIMIT past FILE_BYTES_MAX or the arena's cap. */
err file_read(const char *path, arena *a, str *ret, fault *f) MUST_CHECK;
bool file_exists(const char *path);
/* Replaces the file by `bytes`, all or nothing: a new file beside it is synced and renamed over it. */
err file_write(const char *path, unsigned mode, str bytes, fault *f) MUST_CHECK;
/* Writes at offset `at` and syncs; on failure the file is cut back to `at`. */
err file_append(int fd, int64_t at, str bytes, fault *f) MUST_CHECK;
/* Makes the folder (mode 0700) when it is not there. */
err file_folder(const char *path, fault *f) MUST_CHECK;
