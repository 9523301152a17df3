#include "json/place.h"
#include <stdio.h>

/* The longest escape of one byte is "%XX". */
enum { ESCAPE_MAX = 3 };

static size_t byte_print(char c, char *out)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned char b = (unsigned char)c;
	bool is_word = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');

	if (c == '~' || c == '/') {
		out[0] = '~';
		out[1] = c == '~' ? '0' : '1';
		return 2;
	}
	if (is_word || strchr("-._:@!$&'()*+,;=?", c)) {
		out[0] = c;
		return 1;
	}
	out[0] = '%';
	out[1] = hex[b >> 4];
	out[2] = hex[b & 15];
	return ESCAPE_MAX;
}

/* Returns the length with the step behind it, or 0 when it has no room. */
static size_t step_print(const place_step *step, char *out, size_t n)
{
	if (n + 12 >= FAULT_POINTER_MAX)
		return 0;
	if (!step->name.p)
		return n + (size_t)snprintf(out + n, FAULT_POINTER_MAX - n, "/%u", step->index);
	out[n++] = '/';
	for (uint32_t i = 0; i < step->name.n; i++) {
		if (n + ESCAPE_MAX >= FAULT_POINTER_MAX)
			return 0;
		n += step->name.p[i] ? byte_print(step->name.p[i], out + n) : 0;
	}
	return n;
}

void place_print(const place *p, char out[FAULT_POINTER_MAX])
{
	size_t n = 1;

	out[0] = '#';
	for (uint32_t i = 0; i < p->n; i++) {
		size_t next = step_print(&p->steps[i], out, n);
		if (!next)
			break;
		n = next;
	}
	out[n] = '\0';
}
