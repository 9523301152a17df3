/* Whose address counts behind proxies. */
#include <criterion/criterion.h>

#include "server/edge/proxy.h"

#define TRUSTED "10.0.0.0/8, 2001:db8::/32"

static const struct {
	const char *rule, *trusted, *peer, *told, *again, *client;
} rows[] = {
	{"nobody is trusted", "", "10.0.0.1", "192.0.2.7", NULL, "10.0.0.1"},
	{"a trusted one is believed", TRUSTED, "10.0.0.1", "192.0.2.7", NULL, "192.0.2.7"},
	{"who is not trusted is not", TRUSTED, "192.0.2.1", "192.0.2.7", NULL, "192.0.2.1"},
	{"who says nothing is meant", TRUSTED, "10.0.0.1", NULL, NULL, "10.0.0.1"},
	{"what the client wrote itself does not count", TRUSTED, "10.0.0.1", "127.0.0.1, 192.0.2.7", NULL, "192.0.2.7"},
	{"one proxy behind another", TRUSTED, "10.0.0.1", "127.0.0.1 , 192.0.2.7,\t10.1.1.1", NULL, "192.0.2.7"},
	{"of IPv6", TRUSTED, "2001:db8::1", "2001:470::5", NULL, "2001:470::5"},
	{"all are proxies", TRUSTED, "10.0.0.1", "10.3.0.1,10.2.0.1", NULL, "10.0.0.1"},
	{"no address", TRUSTED, "10.0.0.1", "unknown", NULL, "10.0.0.1"},
	{"an empty place", TRUSTED, "10.0.0.1", "192.0.2.7,", NULL, "10.0.0.1"},
	{"a range is no address", TRUSTED, "10.0.0.1", "0.0.0.0/0", NULL, "10.0.0.1"},
	{"which of two headers the proxy wrote is not known", TRUSTED, "10.0.0.1", "192.0.2.7", "192.0.2.8",
		"10.0.0.1"},
};

Test(proxy, the_last_address_that_is_no_proxy_is_the_client)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_ARENA a = arena_new(0);
		web_header headers[] = {{S("Host"), S("t")},
			{S("X-Forwarded-For"), str_from(rows[i].told ? rows[i].told : "")},
			{S("x-forwarded-for"), str_from(rows[i].again ? rows[i].again : "")}};
		web_req w = {.peer = rows[i].peer,
			.headers = headers,
			.n_headers = rows[i].again  ? 3
				     : rows[i].told ? 2
						    : 1};
		proxies p;
		fault f;
		cr_assert_eq(proxies_read(rows[i].trusted, &p, &f), ERR_OK);
		cr_expect_str_eq(proxies_client(&p, &w, a), rows[i].client, "%s", rows[i].rule);
	}
}

Test(proxy, a_setting_that_is_no_range_is_refused)
{
	static const char *const bad[] = {"10.0.0.0/33", "10.0.0.1/8", "proxy.example", "10.0.0.0/8;10.1.0.0/16"};
	proxies p;
	fault f;

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		cr_expect_eq(proxies_read(bad[i], &p, &f), ERR_SETTING, "%s", bad[i]);
	cr_expect_eq(proxies_read(NULL, &p, &f), ERR_OK);
	cr_expect_eq(p.n, 0);
}
