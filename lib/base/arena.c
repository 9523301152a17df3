#include "base/arena.h"
#include <assert.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/heap.h"

/* Under AddressSanitizer no chunk is kept, so that a use after arena_end is seen. */
#if defined(__SANITIZE_ADDRESS__)
#define KEPT_MAX 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEPT_MAX 0
#endif
#endif
#ifndef KEPT_MAX
#define KEPT_MAX 256
#endif

enum { CHUNK_BYTES = 16 * 1024, LARGE_BYTES = CHUNK_BYTES / 4, CAP_DEFAULT_BYTES = 64 * 1024 * 1024 };

typedef struct chunk {
	struct chunk *next;
	alignas(max_align_t) char bytes[];
} chunk;

typedef struct at_end {
	struct at_end *next;
	void (*fn)(void *arg);
	void *arg;
} at_end;

struct arena {
	chunk *chunks; /* the first is the one we cut from; the last holds this arena */
	chunk *large;  /* blocks with a malloc of their own */
	at_end *at_ends;
	size_t used, bytes, cap; /* used: of the first chunk */
};

static struct {
	chunk *first;
	int n;
} kept;

static chunk *chunk_take(void)
{
	chunk *c = kept.first;

	if (!c)
		return heap_resize(NULL, CHUNK_BYTES);
	kept.first = c->next;
	kept.n--;
	return c;
}

static void chunk_give(chunk *c)
{
	if (kept.n >= KEPT_MAX) {
		free(c);
		return;
	}
	c->next = kept.first;
	kept.first = c;
	kept.n++;
}

static size_t round_up(size_t bytes)
{
	return (bytes + alignof(max_align_t) - 1) & ~(alignof(max_align_t) - 1);
}

arena *arena_new(size_t cap_bytes)
{
	chunk *c = chunk_take();
	arena *a = (arena *)c->bytes;

	c->next = NULL;
	*a = (arena){.chunks = c, .used = round_up(sizeof(arena)), .cap = cap_bytes ? cap_bytes : CAP_DEFAULT_BYTES};
	return a;
}

void arena_end(arena *a)
{
	if (!a)
		return;
	/* A callback may still allocate and register. */
	for (at_end *e; (e = a->at_ends);) {
		a->at_ends = e->next;
		e->fn(e->arg);
	}
	for (chunk *c = a->large, *next; c; c = next) {
		next = c->next;
		free(c);
	}
	for (chunk *c = a->chunks, *next; c; c = next) {
		next = c->next;
		chunk_give(c);
	}
}

static void *alloc_large(arena *a, size_t bytes)
{
	chunk *c = heap_new(1, sizeof(chunk) + bytes);

	c->next = a->large;
	a->large = c;
	return c->bytes;
}

void *arena_alloc(arena *a, size_t bytes)
{
	assert(bytes <= a->cap - a->bytes);
	a->bytes += bytes;
	if (bytes > LARGE_BYTES)
		return alloc_large(a, bytes);

	size_t whole = round_up(bytes);
	if (whole > CHUNK_BYTES - sizeof(chunk) - a->used) {
		chunk *c = chunk_take();
		c->next = a->chunks;
		a->chunks = c;
		a->used = 0;
	}
	void *p = a->chunks->bytes + a->used;
	a->used += whole;
	return memset(p, 0, whole);
}

void arena_on_end(arena *a, void (*fn)(void *arg), void *arg)
{
	at_end *e = ARENA_NEW(a, at_end);

	*e = (at_end){.next = a->at_ends, .fn = fn, .arg = arg};
	a->at_ends = e;
}

const char *str_z(arena *a, str s)
{
	char *z = arena_alloc(a, (size_t)s.n + 1);

	if (s.n)
		memcpy(z, s.p, s.n);
	return z;
}

str str_dup(arena *a, str s)
{
	return s.p ? (str){str_z(a, s), s.n} : STR_NONE;
}

str str_print(arena *a, const char *fmt, ...)
{
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);

	int n = vsnprintf(NULL, 0, fmt, args);
	assert(n >= 0);
	char *p = arena_alloc(a, (size_t)n + 1);
	vsnprintf(p, (size_t)n + 1, fmt, again);
	va_end(again);
	va_end(args);
	return str_of(p, (size_t)n);
}

size_t arena_bytes(const arena *a)
{
	return a->bytes;
}

void arena_trim(void)
{
	for (chunk *c; (c = kept.first);) {
		kept.first = c->next;
		free(c);
	}
	kept.n = 0;
}

void arena_auto_end(arena **a)
{
	arena_end(*a);
}
