/* login: where a cluster's API server is, how it is believed, and who we are there.
 *
 * Either the service account of the pod we run in (a folder with token, ca.crt and namespace; host and port from two
 * variables), or a kubeconfig: certificates and keys as data or files, a token, a token file, a program that prints
 * credentials (ExecCredential v1), a proxy, another name in the server's certificate. Read once; what changes on its
 * own (token files, printed credentials) is read again by kube.h.
 */
#pragma once
#include "base/arena.h"

#define LOGIN_ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

enum { LOGIN_FILE_MAX = 4 << 20 };

typedef struct login_exec {
	str command; /* absent: no program */
	strs args;
	strs env; /* "NAME=value" */
	str api_version;
} login_exec;

typedef struct login {
	str server;      /* "https://host:port", without a slash at the end */
	str server_name; /* what its certificate names; absent: the host */
	str ca_pem, ca_file;
	str cert_pem, cert_file, key_pem, key_file; /* the client's */
	str token, token_file;
	str proxy;
	str space; /* namespace: where we are, or the context's; "default" when nobody says */
	bool is_unverified;
	login_exec exec;
} login;

/* The pod's service account. ERR_NOT_FOUND: this is no pod. */
err login_account(const char *folder, arena *a, login *ret, fault *f) MUST_CHECK;

/* A kubeconfig. `paths` are file names joined by ':', as in KUBECONFIG: names are looked up in the order of the files.
 * context NULL: the current one. Relative file names are taken from the folder of their kubeconfig. */
err login_config(const char *paths, const char *context, arena *a, login *ret, fault *f) MUST_CHECK;
