#include "server/edge/limit.h"

#include "base/metric.h"
#include "server/edge/edge.h"

/* One of a caller's buckets; what is left in it goes into the answer's head. */
static err take(request *r, rate *from, const char *name, uint64_t key, int64_t cost)
{
	rate_answer a = rate_take(from, key, cost, r->web->begun_us);

	if (!from->units_per_s)
		return ERR_OK;
	r->rate_lines = str_print(r->arena,
		STR_FMT "RateLimit-Policy: \"%s\";q=%lld;w=%d\r\nRateLimit: \"%s\";r=%lld;t=%lld\r\n",
		STR_ARG(r->rate_lines), name, (long long)from->units_per_s * RATE_WINDOW_S, RATE_WINDOW_S, name,
		(long long)a.left, (long long)a.full_s);
	if (!a.is_refused)
		return ERR_OK;
	r->violated = name;
	metric_add(METRIC_HTTP_LIMITED, 0, 1);
	fault_set(&r->fault, ERR_RATE_LIMITED, "", "the bucket '%s' of %lld units in %d s is empty", name,
		(long long)from->units_per_s * RATE_WINDOW_S, RATE_WINDOW_S);
	/* Those who were refused together do not come back together. */
	int64_t spread = (int64_t)(str_hash(str_from(r->trace.span)) % 1000);
	r->fault.retry_after_s = (int32_t)((a.wait_ms + 999 + spread * (1 + a.wait_ms / 1000)) / 1000);
	return ERR_RATE_LIMITED;
}

/* A network of IPv6 is one address: its hosts cost their owner nothing. */
static uint64_t address_key(const request *r)
{
	cidr from;
	bool is_read = cidr_parse(str_from(proxies_client(&r->edge->proxies, r->web, r->arena)), &from);
	bool is_v6 = is_read && memcmp(from.bytes, (const uint8_t[CIDR_BYTES]){[10] = 0xff, [11] = 0xff}, 12) != 0;

	return is_read ? str_hash(str_of((const char *)from.bytes, is_v6 ? CIDR_BYTES / 2 : CIDR_BYTES)) : 0;
}

err limit_caller(request *r)
{
	const principal *p = r->who;
	edge *e = r->edge;
	err why;

	if (r->is_again)
		return ERR_OK;
	if (!p)
		return route_signs_in(r->op) ? take(r, &e->rate_anonymous, "address", address_key(r), route_cost(r->op))
					     : ERR_OK;
	uint64_t key = principal_caller(p);
	int64_t cost = route_cost(r->op);
	why = take(r, &e->rate_principal, "principal", key, cost);
	if (why || p->fleet_rights)
		return why;
	why = take(r, &e->rate_tenant, "tenant", (uint64_t)p->tenant_key, cost);
	if (why)
		rate_return(&e->rate_principal, key, cost);
	return why;
}

err limit_guess(request *r)
{
	err why = take(r, &r->edge->rate_guess, "guesses", address_key(r), 1);

	if (!why)
		return ERR_TOKEN_INVALID;
	metric_add(METRIC_AUTH_LIMITED, 0, 1);
	return why;
}
