#include "api/types/auth.h"

enum { TOKEN_BYTES_MAX = 16 * 1024, CODE_BYTES_MAX = 4096 };

#define F(...) JS_FIELD(token_exchange, __VA_ARGS__)
static const js_field token_exchange_fields[] = {
	F(grant_type, JS_REQUIRED, "urn:ietf:params:oauth:grant-type:token-exchange"),
	F(subject_token, JS_REQUIRED, "The identity token of the pipeline.", JS_LEN(1, TOKEN_BYTES_MAX)),
	F(subject_token_type, JS_REQUIRED, "urn:ietf:params:oauth:token-type:id_token, or ...:jwt"),
	F(requested_token_type, JS_OPTIONAL, "urn:ietf:params:oauth:token-type:access_token, or left out."),
	F(scope, JS_OPTIONAL, "tenant:PATH: only what the trust grants there and below; role:NAME: only that role.",
		JS_LEN(0, 800)),
	F(audience, JS_OPTIONAL, "Not used: the trust names the audience."),
	F(resource, JS_OPTIONAL, "Not used."),
	F(client_id, JS_OPTIONAL, "Not used."),
};
#undef F
JS_TYPE(token_exchange, "A token exchange (RFC 8693).");

#define F(...) JS_FIELD(token_exchanged, __VA_ARGS__)
static const js_field token_exchanged_fields[] = {
	F(access_token, JS_SECRET, "The token: bearer, at most 15 minutes."),
	F(issued_token_type, JS_READ_ONLY, "urn:ietf:params:oauth:token-type:access_token"),
	F(token_type, JS_READ_ONLY, "Bearer"),
	F(expires_in, JS_READ_ONLY, "Seconds it lives."),
	F(scope, JS_READ_ONLY, "What it is good for: tenant:PATH and role:NAME of each grant."),
};
#undef F
JS_TYPE(token_exchanged, "An access token.");

#define F(...) JS_FIELD(auth_info, __VA_ARGS__)
static const js_field auth_info_fields[] = {
	F(has_login, JS_READ_ONLY, "Whether people can sign in.", .always = true),
	F(login, JS_READ_ONLY, "Where to."),
};
#undef F
JS_TYPE(auth_info, "How people may sign in.");

#define F(...) JS_FIELD(login_query, __VA_ARGS__)
static const js_field login_query_fields[] = {
	JS_FIELD_AS(login_query, to, "return", JS_OPTIONAL, "The page to come back to: a path of this server.",
		JS_LEN(1, 500)),
};
#undef F
JS_TYPE(login_query, "Where to go afterwards.");

#define F(...) JS_FIELD(callback_query, __VA_ARGS__)
static const js_field callback_query_fields[] = {
	F(code, JS_OPTIONAL, "The provider's code.", JS_LEN(1, CODE_BYTES_MAX)),
	F(state, JS_OPTIONAL, "What the sign-in began with."),
	F(iss, JS_OPTIONAL, "The provider (RFC 9207)."),
	F(session_state, JS_OPTIONAL, "Not used."),
	F(scope, JS_OPTIONAL, "Not used."),
	F(error, JS_OPTIONAL, "Why the provider said no."),
	F(error_description, JS_OPTIONAL, "The same in words."),
	F(error_uri, JS_OPTIONAL, "Not used."),
};
#undef F
JS_TYPE(callback_query, "What an identity provider sends people back with.");

#define F(...) JS_FIELD(logout_answer, __VA_ARGS__)
static const js_field logout_answer_fields[] = {
	F(redirect, JS_READ_ONLY, "Where to go to end the provider's session too."),
};
#undef F
JS_TYPE(logout_answer, "The session has ended.");

#define F(...) JS_FIELD(backchannel_logout, __VA_ARGS__)
static const js_field backchannel_logout_fields[] = {
	F(logout_token, JS_REQUIRED, "Signed by the identity provider.", JS_LEN(1, TOKEN_BYTES_MAX)),
};
#undef F
JS_TYPE(backchannel_logout, "An identity provider ends sessions.");
