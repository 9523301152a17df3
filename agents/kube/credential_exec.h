/* credential_exec: what a credential plugin prints (ExecCredential of client.authentication.k8s.io). */
#pragma once
#include "base/arena.h"

typedef struct credential_exec {
	str token, cert_pem, key_pem;
	int64_t until_us; /* 0: no end */
} credential_exec;

/* ERR_BAD_FIELD: it is none, or holds neither a token nor a certificate with its key. Points into text or a. */
err credential_exec_read(str text, arena *a, credential_exec *ret, fault *f) MUST_CHECK;
