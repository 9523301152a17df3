#include "agents/kube/login.h"
#include <stdlib.h>
#include "agents/file.h"

static err file_text(arena *a, const char *folder, const char *name, str *ret, fault *f)
{
	err e = file_read(str_print(a, "%s/%s%c", folder, name, '\0').p, a, ret, f);

	if (e)
		return e;
	while (ret->n && (ret->p[ret->n - 1] == '\n' || ret->p[ret->n - 1] == '\r'))
		ret->n--;
	*ret = str_trim(*ret);
	return ERR_OK;
}

/* An IPv6 address needs brackets in a URL. */
static str server_url(arena *a, const char *host, const char *port)
{
	bool is_bare_v6 = strchr(host, ':') && host[0] != '[';

	return str_print(a, is_bare_v6 ? "https://[%s]:%s" : "https://%s:%s", host, port);
}

err login_account(const char *folder, arena *a, login *ret, fault *f)
{
	const char *host = getenv("KUBERNETES_SERVICE_HOST"), *port = getenv("KUBERNETES_SERVICE_PORT");
	login l = {.space = S("default")};
	str token;

	if (!host || !port)
		return fault_set(f, ERR_NOT_FOUND, NULL, "KUBERNETES_SERVICE_HOST is not set: this is no pod");
	err e = file_text(a, folder, "token", &token, f);
	if (e)
		return e;
	l.server = server_url(a, host, port);
	l.token_file = str_print(a, "%s/token", folder);
	l.ca_file = str_print(a, "%s/ca.crt", folder);
	if (file_text(a, folder, "namespace", &l.space, NULL) || !l.space.n)
		l.space = S("default");
	*ret = l;
	return ERR_OK;
}
