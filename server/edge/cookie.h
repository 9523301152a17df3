/* cookie: the cookies of browsers: only ones that no other host and no script can set or read (RFC 6265bis, __Host-).
 */
#pragma once
#include "server/edge/request.h"

#define COOKIE_SESSION "__Host-sid"
#define COOKIE_LOGIN   "__Host-login"

/* The cookie's value, or STR_NONE. */
str cookie_find(const request *r, const char *name);
/* Sets it for so long; 0: takes it away. value holds no blanks, commas, semicolons or control bytes. */
void cookie_set(request *r, const char *name, str value, int64_t life_s);
/* Whether a change came from a page of our own: what a session's cookie alone does not say. */
bool cookie_is_same_origin(const request *r);
