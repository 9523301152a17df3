#include "base/buf.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include "base/heap.h"

enum { BUF_FIRST_BYTES = 256, DIGITS_MAX = 20 };

void buf_init(buf *b, size_t max_bytes)
{
	assert(max_bytes <= UINT32_MAX);
	*b = (buf){.max = max_bytes};
}

void buf_done(buf *b)
{
	free(b->p);
	*b = (buf){0};
}

void buf_clear(buf *b)
{
	b->n = 0;
	b->over = false;
}

/* One byte beyond cap is always there, so that vsnprintf may end its text. */
char *buf_room(buf *b, size_t n)
{
	if (b->over || n > b->max - b->n) {
		b->over = true;
		return NULL;
	}
	if (!b->p || n > b->cap - b->n) {
		size_t need = b->n + n;
		size_t cap = b->cap * 2 > BUF_FIRST_BYTES ? b->cap * 2 : BUF_FIRST_BYTES;
		cap = cap < need ? need : cap;
		b->cap = cap > b->max ? b->max : cap;
		b->p = heap_resize(b->p, b->cap + 1);
	}
	return b->p + b->n;
}

void buf_add(buf *b, const void *p, size_t n)
{
	char *to = buf_room(b, n);

	if (!to || n == 0)
		return;
	memcpy(to, p, n);
	b->n += n;
}

void buf_add_str(buf *b, str s)
{
	buf_add(b, s.p, s.n);
}

void buf_add_char(buf *b, char c)
{
	buf_add(b, &c, 1);
}

void buf_add_i64(buf *b, int64_t v)
{
	char digits[DIGITS_MAX + 1];
	char *end = digits + sizeof(digits), *at = end;
	/* Negating as unsigned is right for INT64_MIN too. */
	uint64_t left = v < 0 ? -(uint64_t)v : (uint64_t)v;

	do
		*--at = (char)('0' + left % 10);
	while (left /= 10);
	if (v < 0)
		*--at = '-';
	buf_add(b, at, (size_t)(end - at));
}

void buf_add_u64(buf *b, uint64_t v)
{
	if (v <= INT64_MAX)
		buf_add_i64(b, (int64_t)v);
	else
		buf_printf(b, "%llu", (unsigned long long)v);
}

void buf_printf(buf *b, const char *fmt, ...)
{
	va_list args, again;
	va_start(args, fmt);
	va_copy(again, args);

	char *to = buf_room(b, 0);
	if (to) {
		int n = vsnprintf(to, b->cap - b->n + 1, fmt, args);
		assert(n >= 0);
		size_t len = (size_t)n;
		if (len > b->cap - b->n && (to = buf_room(b, len)))
			vsnprintf(to, len + 1, fmt, again);
		if (to)
			b->n += len;
	}
	va_end(again);
	va_end(args);
}

void buf_drop(buf *b, size_t n)
{
	assert(n <= b->n);
	b->n -= n;
	if (n && b->n)
		memmove(b->p, b->p + n, b->n);
}
