/* arena: memory that ends all at once.
 *
 * One arena per request: allocations bump a pointer, nothing is freed alone, arena_end releases everything. Things that
 * are not memory (a result set, a file) register arena_on_end; callbacks run in reverse order, before the memory goes.
 * Chunks come from a free list of the process, so a request costs no malloc once warm.
 *
 * The cap is a guard against our own mistakes, not an input limit: callers bound sizes by named limits long before, and
 * passing the cap aborts the process.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"

typedef struct arena arena;

/* A new arena; cap_bytes 0 means the default cap (64 MiB). Never NULL. */
arena *arena_new(size_t cap_bytes);
void arena_end(arena *a); /* NULL-safe */

/* Zeroed memory, aligned for any type. Never NULL. */
void *arena_alloc(arena *a, size_t bytes);
#define ARENA_NEW(a, T)      ((T *)arena_alloc((a), sizeof(T)))
#define ARENA_ARRAY(a, T, n) ((T *)arena_alloc((a), sizeof(T) * (size_t)(n)))

/* Runs fn(arg) when the arena ends. */
void arena_on_end(arena *a, void (*fn)(void *arg), void *arg);

str str_dup(arena *a, str s);       /* absent stays absent */
const char *str_z(arena *a, str s); /* NUL-terminated copy */
str str_print(arena *a, const char *fmt, ...) PRINTF(2, 3);
size_t arena_bytes(const arena *a); /* handed out so far */

/* Gives the kept chunks back to the system: at exit, so that leak checkers see only leaks. */
void arena_trim(void);

/* Cleanup attribute for straight-line code: AUTO_ARENA a = arena_new(0); */
void arena_auto_end(arena **a);
#define AUTO_ARENA __attribute__((cleanup(arena_auto_end))) arena *
