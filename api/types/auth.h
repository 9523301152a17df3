/* auth: how people and pipelines come by their sessions and tokens (RFC 8693, OpenID Connect). */
#pragma once
#include "json/js.h"

/* The form of a token exchange, RFC 8693, section 2.1. */
typedef struct token_exchange {
	str grant_type;
	str subject_token, subject_token_type;
	str requested_token_type;
	str scope;
	str audience, resource, client_id;
} token_exchange;
JS_DECLARE(token_exchange);

/* Section 2.2.1. */
typedef struct token_exchanged {
	str access_token, issued_token_type, token_type;
	int64_t expires_in;
	str scope;
} token_exchanged;
JS_DECLARE(token_exchanged);

typedef struct auth_info {
	bool has_login;
	str login;
} auth_info;
JS_DECLARE(auth_info);

typedef struct login_query {
	str to;
} login_query;
JS_DECLARE(login_query);

/* What an identity provider sends people back with. */
typedef struct callback_query {
	str code, state, iss, session_state, scope;
	str error, error_description, error_uri;
} callback_query;
JS_DECLARE(callback_query);

typedef struct logout_answer {
	str redirect;
} logout_answer;
JS_DECLARE(logout_answer);

/* OpenID Connect Back-Channel Logout 1.0, section 2.5. */
typedef struct backchannel_logout {
	str logout_token;
} backchannel_logout;
JS_DECLARE(backchannel_logout);
