/* buf: bytes that grow, up to a stated maximum.
 *
 * A write past the maximum writes nothing and sets `over`, once and for all: the writer goes on as if nothing happened
 * and the owner looks at `over` at the end. So no call in the middle needs a check.
 */
#pragma once
#include "base/err.h"
#include "base/str.h"

typedef struct buf {
	char *p;
	size_t n, cap, max;
	bool over;
} buf;

void buf_init(buf *b, size_t max_bytes);
void buf_done(buf *b);  /* frees; b may be used again after buf_init */
void buf_clear(buf *b); /* empty, keeps memory, forgets `over` */

void buf_add(buf *b, const void *p, size_t n);
void buf_add_str(buf *b, str s);
void buf_add_char(buf *b, char c);
void buf_add_i64(buf *b, int64_t v);
void buf_add_u64(buf *b, uint64_t v);
void buf_printf(buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Room for at least n bytes at the end, or NULL when over; the caller then adds what it wrote to b->n. */
char *buf_room(buf *b, size_t n);
/* Drops the first n bytes. */
void buf_drop(buf *b, size_t n);

static inline str buf_str(const buf *b)
{
	return (str){b->p ? b->p : "", (uint32_t)b->n};
}
