/* driver: the real libcuda.so.1 and libnvidia-ml.so.1, a pointer per call.
 *
 * A call that the real library does not have points to a function that says so, so that no caller need look.
 */
#pragma once
#include <stdbool.h>

#include "shim/abi.h"
#include "shim/calls.h"
#include "shim/elf.h"

/* Filled by driver_open for what the shim wraps or makes; for others by driver_find. */
extern void *driver_at[CALLS];
extern void *nvml_at[NVML_CALLS];

/* The code of the driver, and of the shim: a call of the driver that comes from there is none of the program's
 * (entry.h).
 */
extern elf_span driver_inside[2];

/* The real call, typed as its declaration. */
#define DRIVER(symbol)    ((__typeof__(&symbol))driver_at[AT_##symbol])
#define NVML_REAL(symbol) ((__typeof__(&symbol))nvml_at[AT_##symbol])

/* Finds the library, by path when that is not empty, and all calls that the shim wraps or makes. Any number of threads
 * may be at it at once: nobody waits here for another, who may wait for the loader, which the first may hold (in a
 * library's constructor). Done at once when it was done before.
 */
void driver_open(const char *path);

/* The same of NVML, by the limits' path; before the first use of nvml_at. */
void nvml_ready(void);

/* Look again for a library that was not there when it was first wanted. */
void driver_late(void);
void nvml_late(void);

/* The driver that the program has loaded, while the shim itself has opened none; NULL: it has not either. */
void *driver_beside(void);

/* Whether this thread is in the middle of opening one, so that whoever asks is that library itself. */
bool driver_is_opening(void);

/* The real call's address, asked for when it is not known yet. */
void *driver_find(call_id id);
void *nvml_find(nvml_id id);

/* The driver has answered that a call which it does not export is there. */
void driver_told(call_id id, void *at);

/* Whether the real library exports a call that was asked for. */
bool driver_has(call_id id);
bool nvml_has(nvml_id id);

/* A symbol of the real library by its name; NULL if it has none. */
void *driver_symbol(const char *name);
void *nvml_symbol(const char *name);

/* libc's own dlsym, whatever stands in front of it. */
void *driver_dlsym(void *handle, const char *name);
