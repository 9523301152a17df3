#include "server/edge/proxy.h"

#define HEADER S("X-Forwarded-For")

err proxies_read(const char *list, proxies *ret, fault *f)
{
	str rest = str_from(list ? list : "");

	ret->n = 0;
	while (rest.n) {
		str one = str_trim(str_split(&rest, ','));
		if (!one.n)
			continue;
		if (ret->n == PROXIES_MAX)
			return fault_set(f, ERR_SETTING, "trusted-proxies", "names at most %d ranges", PROXIES_MAX);
		if (!cidr_parse(one, &ret->v[ret->n]))
			return fault_set(f, ERR_SETTING, "trusted-proxies",
				STR_FMT " is no range of addresses as 10.0.0.0/8", STR_ARG(one));
		ret->n++;
	}
	return ERR_OK;
}

static bool is_trusted(const proxies *p, str address)
{
	for (uint32_t i = 0; i < p->n; i++)
		if (cidr_holds(&p->v[i], address))
			return true;
	return false;
}

/* The one header of that name; absent where there are several: which of them a proxy wrote is not known. */
static str told(const web_req *w)
{
	str found = STR_NONE;

	for (uint32_t i = 0; i < w->n_headers; i++) {
		if (!str_eq_nocase(w->headers[i].name, HEADER))
			continue;
		if (found.p)
			return STR_NONE;
		found = w->headers[i].value;
	}
	return found;
}

static str last_take(str *rest)
{
	uint32_t at = rest->n;

	while (at && rest->p[at - 1] != ',')
		at--;
	str last = str_trim(str_cut(*rest, at, rest->n));
	*rest = str_cut(*rest, 0, at ? at - 1 : 0);
	return last;
}

const char *proxies_client(const proxies *p, const web_req *w, arena *a)
{
	str rest = p->n && is_trusted(p, str_from(w->peer)) ? told(w) : STR_NONE;
	cidr whole;

	while (rest.n) {
		str one = last_take(&rest);
		/* One address and no range. */
		if (str_find(one, '/', 0) >= 0 || !cidr_parse(one, &whole))
			return w->peer;
		if (!is_trusted(p, one))
			return str_z(a, one);
	}
	return w->peer;
}
