#include "server/edge/cookie.h"

str cookie_find(const request *r, const char *name)
{
	str rest = web_header_find(r->web, S("Cookie"));

	while (rest.p) {
		str value = str_trim(str_split(&rest, ';')), key = str_split(&value, '=');
		if (value.p && str_eq(key, str_from(name)))
			return value;
	}
	return STR_NONE;
}

void cookie_set(request *r, const char *name, str value, int64_t life_s)
{
	request_header(r, "Set-Cookie",
		str_print(r->arena, "%s=" STR_FMT "; Path=/; Max-Age=%lld; Secure; HttpOnly; SameSite=Lax", name,
			STR_ARG(value), (long long)life_s));
}

bool cookie_is_same_origin(const request *r)
{
	return str_eq(str_trim(web_header_find(r->web, S("Sec-Fetch-Site"))), S("same-origin")) &&
	       str_eq(str_trim(web_header_find(r->web, S("X-Reeve-Request"))), S("1"));
}
