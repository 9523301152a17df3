#include "agents/kube/credential_exec.h"
#include "json/js.h"

typedef struct exec_status {
	str token, cert, key;
	js_time until;
} exec_status;
#define F(...) JS_FIELD_AS(exec_status, __VA_ARGS__)
static const js_field exec_status_fields[] = {
	F(token, "token", JS_OPTIONAL, "Bearer token.", JS_LEN(0, 1 << 20)),
	F(cert, "clientCertificateData", JS_OPTIONAL, "PEM.", JS_LEN(0, 1 << 20)),
	F(key, "clientKeyData", JS_OPTIONAL, "PEM.", JS_LEN(0, 1 << 20)),
	F(until, "expirationTimestamp", JS_OPTIONAL, "When it ends."),
};
#undef F
static JS_TYPE(exec_status, "The credential.");

typedef struct exec_answer {
	str kind;
	exec_status status;
} exec_answer;
#define F(...) JS_FIELD(exec_answer, __VA_ARGS__)
static const js_field exec_answer_fields[] = {
	F(kind, JS_OPTIONAL, "ExecCredential."),
	F(status, JS_OPTIONAL, "The credential.", JS_OF(exec_status)),
};
#undef F
static JS_TYPE(exec_answer, "What a credential plugin prints.");

err credential_exec_read(str text, arena *a, credential_exec *ret, fault *f)
{
	exec_answer x;

	if (js_read_output(&exec_answer_type, text, a, &x, f) || !str_eq(x.kind, S("ExecCredential")))
		return fault_set(f, ERR_BAD_FIELD, "exec", "the credential program printed no ExecCredential");
	if (!x.status.token.n && !(x.status.cert.n && x.status.key.n))
		return fault_set(
			f, ERR_BAD_FIELD, "exec", "the credential program printed no token and no certificate");
	*ret = (credential_exec){x.status.token, x.status.cert, x.status.key, x.status.until.us};
	return ERR_OK;
}
