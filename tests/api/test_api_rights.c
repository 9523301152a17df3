/* What no role changes: where a role counts at all. Who may do what is in test_api_matrix.c. */
#include <criterion/criterion.h>

#include "served.h"

/* A platform role that stands at a tenant counts for nothing, and so does a role nobody knows. */
Test(api_rights, a_platform_role_counts_only_for_the_whole_fleet)
{
	static const char *const names[] = {"platform_admin", "platform_auditor", "cluster_operator", "agent", "king"};

	served_start("api_platform");
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		AUTO_ARENA a = arena_new(0);
		const char *token = served_token(names[i], "system");
		cr_expect_eq(served_call(a, token, "GET", "/v1/tenants", NULL, NULL).status, 403, "%s", names[i]);
		cr_expect_eq(served_call(a, token, "GET", "/v1/whoami", NULL, NULL).status, 200, "%s", names[i]);
	}
}
