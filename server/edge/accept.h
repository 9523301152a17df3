/* accept: in which form a client wants an answer (RFC 9110, 12.5.1; weights only as "not this one"). */
#pragma once
#include "server/edge/request.h"

/* NOT_ACCEPTABLE when none of the route's forms is named. */
err accept_read(const route *t, str accept, answer_form *ret, fault *f) MUST_CHECK;
/* The media type of a Content-Type, without parameters, compared without case. */
bool media_is(str content_type, str type);
