/* vec: a growing array of one type, on the heap.
 *
 *     vec(int64_t) ids = {0};
 *     vec_push(&ids, 7);
 *     vec_done(&ids);
 *
 * Out of memory aborts. Pointers into a vec are valid until the next push.
 */
#pragma once
#include <stddef.h>
#include <stdint.h>

#define vec(T)                                                                                                         \
	struct {                                                                                                       \
		T *v;                                                                                                  \
		uint32_t n, cap;                                                                                       \
	}

/* Grows *v so that it holds at least `need` elements of `size` bytes; new room is zeroed. */
void vec_grow(void **v, uint32_t *cap, uint32_t need, size_t size);

#define vec_reserve(a, need)  vec_grow((void **)&(a)->v, &(a)->cap, (uint32_t)(need), sizeof(*(a)->v))
#define vec_push(a, x)        (vec_reserve((a), (a)->n + 1), (void)((a)->v[(a)->n++] = (x)))
/* A pointer to a new zeroed element at the end. */
#define vec_add(a)            (vec_reserve((a), (a)->n + 1), memset(&(a)->v[(a)->n], 0, sizeof(*(a)->v)), &(a)->v[(a)->n++])
#define vec_pop(a)            ((a)->v[--(a)->n])
#define vec_clear(a)          ((void)((a)->n = 0))
#define vec_done(a)           (vec_free((a)->v), (void)((a)->v = NULL), (void)((a)->n = (a)->cap = 0))
/* An empty one may have no memory yet, and nothing may be added to no pointer. */
#define vec_each(x, a)        for (__typeof__((a)->v) x = (a)->v; (a)->n && x < (a)->v + (a)->n; x++)
/* Removes element i by moving the last one into its place: O(1), order is lost. */
#define vec_remove_fast(a, i) ((void)((a)->v[i] = (a)->v[--(a)->n]))

void vec_free(void *v);
