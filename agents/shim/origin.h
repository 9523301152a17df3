/* origin: where the real library is when the shim has taken its name and nobody says.
 *
 * Asked in this order: REEVE_SHIM_DRIVER and REEVE_SHIM_NVML, where no node has mounted limits; a folder `real` beside
 * our own file; that folder itself, for a file that the name was taken from (libcuda.so.1.real, libcuda.so.535.54.03);
 * where no node has mounted limits the rest of LD_LIBRARY_PATH; the folders where drivers are installed. Our own file
 * is never the answer.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>

#define ORIGIN_PATH_BYTES 512

/* The name that this library has taken; absent in the preload form. */
extern const char origin_taken[] __attribute__((weak));

bool origin_replaces(const char *name);

/* The path of the real one. */
bool origin_find(const char *name, char *ret_path, size_t size);
