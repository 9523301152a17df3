#include "base/err.h"
#include <assert.h>
#include <stdarg.h>
#include <stdio.h>

enum { STATUS_INTERNAL = 500, ESCAPE_MAX = 3 };

typedef struct error_row {
	int status;
	const char *code, *title;
} error_row;

#define E(id, status, code, title) [ERR_##id] = {status, code, title},
static const error_row rows[ERR_COUNT] = {
#include "errors.def"
	[ERR_OK] = {200, "ok", "Done"},
};
#undef E

int err_status(err e)
{
	assert(e < ERR_COUNT);
	return rows[e].status ? rows[e].status : STATUS_INTERNAL;
}

const char *err_code(err e)
{
	assert(e < ERR_COUNT);
	return rows[e].code;
}

const char *err_title(err e)
{
	assert(e < ERR_COUNT);
	return rows[e].title;
}

bool err_is_retryable(err e)
{
	int status = err_status(e);

	if (e == ERR_NOT_IMPLEMENTED)
		return false;
	return e == ERR_IDEMPOTENCY_IN_FLIGHT || status == 408 || status == 429 || status >= 500;
}

/* Cuts off a character that the end of the room split, so that the text stays UTF-8. */
static void end_whole(char *z, size_t n)
{
	size_t at = n;

	while (at > 0 && n - at < 3 && (z[at - 1] & 0xc0) == 0x80)
		at--;
	if (at > 0 && !str_is_utf8(str_of(z + at - 1, n - at + 1)))
		at--;
	else
		at = n;
	z[at] = '\0';
}

static void copy_whole(char *to, size_t room, const char *from)
{
	size_t n = strnlen(from, room - 1);

	memmove(to, from, n);
	end_whole(to, n);
}

err fault_set(fault *f, err e, const char *pointer, const char *detail_fmt, ...)
{
	if (!f)
		return e;
	/* The arguments may point into f: a wrapping caller quotes the detail it got. */
	char detail[FAULT_DETAIL_MAX];
	va_list args;
	va_start(args, detail_fmt);
	vsnprintf(detail, sizeof(detail), detail_fmt, args);
	va_end(args);

	copy_whole(f->pointer, sizeof(f->pointer), pointer ? pointer : "");
	copy_whole(f->detail, sizeof(f->detail), detail);
	f->retry_after_s = 0;
	return e;
}

static bool stands_in_fragment(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       (c && strchr("-._!$&'()*+,;=:@?", c));
}

/* One character of a reference token: '~' and '/' as RFC 6901, section 3 says, the rest as section 6 (URI fragments).
 */
static int escape(char out[ESCAPE_MAX + 1], char c)
{
	if (c == '~' || c == '/')
		return snprintf(out, ESCAPE_MAX + 1, "~%c", c == '~' ? '0' : '1');
	return snprintf(out, ESCAPE_MAX + 1, stands_in_fragment(c) ? "%c" : "%%%02X", (unsigned char)c);
}

void fault_prefix(fault *f, str name)
{
	if (!f || (f->pointer[0] && f->pointer[0] != '#'))
		return;
	char whole[FAULT_POINTER_MAX] = "#/";
	size_t n = 2;

	for (uint32_t i = 0; i < name.n && n + ESCAPE_MAX < sizeof(whole); i++)
		n += (size_t)escape(whole + n, name.p[i]);
	/* What does not fit is lost at the end: the outer names say where to look. */
	copy_whole(whole + n, sizeof(whole) - n, f->pointer[0] ? f->pointer + 1 : "");
	memcpy(f->pointer, whole, sizeof(whole));
}
