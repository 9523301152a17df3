#include "agents/node/uuid.h"

enum { UUID_DIGITS_TEXT = 36 };

static int digit_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uuid_read(str name, uint8_t ret[UUID_BYTES])
{
	uint8_t bytes[UUID_BYTES] = {0};
	uint32_t digits = 0;

	memset(ret, 0, UUID_BYTES);
	if (name.n < UUID_DIGITS_TEXT || (name.n > UUID_DIGITS_TEXT && name.p[name.n - UUID_DIGITS_TEXT - 1] != '-'))
		return false;
	str text = str_cut(name, name.n - UUID_DIGITS_TEXT, name.n);
	for (uint32_t i = 0; i < text.n; i++) {
		bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
		int digit = digit_of(text.p[i]);
		if (is_dash != (text.p[i] == '-') || (!is_dash && digit < 0))
			return false;
		if (is_dash)
			continue;
		bytes[digits / 2] = (uint8_t)(bytes[digits / 2] << 4 | digit);
		digits++;
	}
	memcpy(ret, bytes, UUID_BYTES);
	return true;
}
