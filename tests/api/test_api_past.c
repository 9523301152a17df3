/* What is left to be seen when something has gone: the records and the use of a tenant that was deleted; and what ends
 * with a session or a trust. */
#include <criterion/criterion.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN   "platform_admin", NULL
#define OWNER   "tenant_owner", "acme"
#define VIEWER  "viewer", "acme"
#define BILLING "billing_viewer", "acme"
#define OTHER   "tenant_owner", "umbra"
#define ANY     "If-Match: *\r\n"
#define N(v)    (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene tree[] = {
	{"a tree", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL},
	{"below", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"gone\",\"parent\":\"acme\"}", 201, NULL, NULL},
	{"and below", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"deep\",\"parent\":\"acme/gone\"}", 201, NULL, NULL},
};

static const scene deleted[] = {
	{"the lowest", ADMIN, "DELETE", "/v1/tenants/acme~gone~deep", ANY, NULL, 204, NULL, NULL},
	{"the one above it", ADMIN, "DELETE", "/v1/tenants/acme~gone", ANY, NULL, 204, NULL, NULL},
	{"who sits above reads who did it", OWNER, "GET", "/v1/audit?action=tenant.delete", NULL, NULL, 200, "{'items':[{'tenant':'acme/gone/deep'},{'tenant':'acme/gone'}]}", NULL},
	{"also by the tenants' paths", OWNER, "GET", "/v1/audit?action=tenant.delete&tenant=acme&subtree=true", NULL, NULL, 200, "{'items':[{'tenant':'acme/gone/deep'},{'tenant':'acme/gone'}]}", NULL},
	{"and what was used there", BILLING, "GET", "/v1/usage?tenant=acme&subtree=true&from={-7200}", NULL, NULL, 200, "{'items':[{'tenant':'acme/gone','gpu_seconds':3600}]}", NULL},
	{"as the platform does", ADMIN, "GET", "/v1/usage?tenant=acme&subtree=true&from={-7200}", NULL, NULL, 200, "{'items':[{'tenant':'acme/gone','gpu_seconds':3600}]}", NULL},
	{"others do not", OTHER, "GET", "/v1/audit?action=tenant.delete", NULL, NULL, 200, "{'items':[]}", NULL},
	{"nor the use", OTHER, "GET", "/v1/usage?from={-7200}", NULL, NULL, 200, "{'items':[]}", NULL},
	{"it is no tenant any more", OWNER, "GET", "/v1/tenants/acme~gone", NULL, NULL, 404, NULL, NULL},
	{"of any list", OWNER, "GET", "/v1/tenants", NULL, NULL, 200, "{'items':[{'path':'acme'}]}", NULL},
	{"its placements are not shown", OWNER, "GET", "/v1/placements", NULL, NULL, 200, "{'items':[]}", NULL},
};

static const scene reserved[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"kept\",\"parent\":\"acme\"}", 201, NULL, NULL},
	{"with a reservation", ADMIN, "POST", "/v1/reservations", NULL, "{\"tenant\":\"acme/kept\",\"ends_at\":\"{+3600}\",\"class\":\"h100-80g\",\"count\":1}", 201, NULL, NULL, "rsv=id"},
	{"is not deleted", ADMIN, "DELETE", "/v1/tenants/acme~kept", ANY, NULL, 409, "{'code':'state_transition','detail':'it has 0 tenants below it, 0 live placements and 1 reservations'}", NULL},
	{"before that has ended", ADMIN, "DELETE", "/v1/reservations/{rsv}", ANY, NULL, 204, NULL, NULL},
	{"then it is", ADMIN, "DELETE", "/v1/tenants/acme~kept", ANY, NULL, 204, NULL, NULL},
};
/* clang-format on */

static void past_begin(const char *database)
{
	served_start(database);
	scenes_play(tree, N(tree));
	pg_do(served_dsn(),
		"INSERT INTO cluster (id, name, state) VALUES ('cls_1', 'par', 'ready');"
		"INSERT INTO segment (placement_id, fence_no, class, tenant_key, cluster_key, devices, device_milli, memory_mib, "
		"compute_milli, started_at, ended_at) SELECT 'plc_1', 1, 'h100-80g', t.key, c.key, 1, 1000, 1, 1000, now() - "
		"interval '90 minutes', now() - interval '30 minutes' FROM tenant t, cluster c WHERE t.path = 'acme/gone'");
}

Test(api_past, a_deleted_tenant_is_remembered_by_who_sits_above_it)
{
	past_begin("api_past");
	scenes_play(deleted, N(deleted));
}

Test(api_past, a_tenant_with_reservations_is_not_deleted)
{
	past_begin("api_past_reserved");
	scenes_play(reserved, N(reserved));
}

enum { STREAM_BYTES = 1 << 16, PATIENCE_MS = 4000 };

static int stream_dial(const char *head, const char *query)
{
	char request[2000];
	int fd = served_dial();
	int n = snprintf(request, sizeof(request),
		"GET /v1/watch?%s HTTP/1.1\r\nHost: x\r\nAccept: application/x-ndjson\r\n%s\r\n\r\n", query, head);

	cr_assert_eq(send(fd, request, (size_t)n, MSG_NOSIGNAL), n);
	return fd;
}

/* Reads until `text` has come; false: the stream ended, or nothing came for a while. */
static bool stream_has(int fd, char got[STREAM_BYTES], const char *text)
{
	size_t n = strlen(got);

	while (!strstr(got, text) && n < STREAM_BYTES - 1) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		if (poll(&p, 1, PATIENCE_MS) != 1)
			return false;
		ssize_t more = recv(fd, got + n, STREAM_BYTES - 1 - n, 0);
		if (more <= 0)
			return false;
		n += (size_t)more;
		got[n] = '\0';
	}
	return strstr(got, text) != NULL;
}

static const char *bearer(arena *a, const char *token)
{
	return str_z(a, str_print(a, "Authorization: Bearer %s", token));
}

/* Who comes back with a cursor of before learns of the end of what it knew. */
Test(api_past, a_watch_that_goes_on_later_tells_of_a_deletion)
{
	AUTO_ARENA a = arena_new(0);
	static char got[STREAM_BYTES];

	past_begin("api_past_watch");
	int64_t g = pg_int(served_dsn(), "SELECT n FROM chain WHERE id = 'g'");
	const char *owner = served_token("tenant_owner", "acme");
	scenes_play(deleted, 2);
	int fd = stream_dial(bearer(a, owner),
		str_z(a, str_print(a, "kinds=tenant&tenant=acme&subtree=true&since=g%lld.p0", (long long)g)));
	cr_expect(stream_has(fd, got, "\"event\":\"delete\""), "%s", got);
	close(fd);
}

static char *session_make(arena *a, const char *subject)
{
	token_made made = token_make(TOKEN_SESSION);
	char hex[2 * TOKEN_HASH + 1];

	for (int i = 0; i < TOKEN_HASH; i++)
		snprintf(hex + 2 * i, 3, "%02x", made.hash[i]);
	pg_do(served_dsn(),
		str_z(a,
			str_print(a,
				"INSERT INTO session (id, hash, subject, name, groups, issuer, issuer_subject, issuer_sid, "
				"expires_at) VALUES ('" STR_FMT
				"', '\\x%s', '%s', 'x', '{}', 'i', 's', '', now() + interval "
				"'1 hour')",
				STR_ARG(id_str(&made.id)), hex, subject)));
	return (char *)str_z(a, str_print(a, "Cookie: __Host-sid=%s", made.text));
}

/* A stream ends with what let it in, not a while later. */
Test(api_past, a_stream_ends_with_its_session)
{
	AUTO_ARENA a = arena_new(0);
	static char got[STREAM_BYTES];

	past_begin("api_past_session");
	const char *cookie = session_make(a, "user:ada");
	answer r = served_call(a, served_token("platform_admin", NULL), "POST", "/v1/bindings", NULL,
		"{\"subject\":\"user:ada\",\"role\":\"viewer\",\"tenant\":\"acme\"}");
	cr_assert_eq(r.status, 201);
	int fd = stream_dial(cookie, "snapshot=true");
	cr_assert(stream_has(fd, got, "initial-end"), "%s", got);
	const char *head =
		str_z(a, str_print(a, "%s\r\nSec-Fetch-Site: same-origin\r\nX-Reeve-Request: 1\r\n", cookie));
	cr_assert_eq(served_call(a, NULL, "POST", "/v1/auth/logout", head, NULL).status, 200);
	cr_expect(stream_has(fd, got, "\"event\":\"error\""), "%s", got);
	close(fd);
}

/* One caller leaves room for others. */
Test(api_past, nobody_takes_all_the_streams)
{
	AUTO_ARENA a = arena_new(0);
	static char got[STREAM_BYTES];
	enum { MOST = 3 };
	int fds[MOST];

	setenv("SERVED_STREAMS", "10", 1);
	setenv("SERVED_STREAMS_EACH", "3", 1);
	past_begin("api_past_streams");
	const char *mine = bearer(a, served_token("tenant_owner", "acme"));
	for (int i = 0; i < MOST; i++)
		fds[i] = stream_dial(mine, "snapshot=true&kinds=tenant");
	for (int i = 0; i < MOST; i++) {
		got[0] = '\0';
		cr_assert(stream_has(fds[i], got, "initial-end"), "%d: %s", i, got);
	}
	answer r = served_call(a, served_token("tenant_owner", "acme"), "GET", "/v1/watch", NULL, NULL);
	cr_expect_eq(r.status, 503);
	int fd = stream_dial(bearer(a, served_token("tenant_owner", "umbra")), "snapshot=true");
	got[0] = '\0';
	cr_expect(stream_has(fd, got, "initial-end"), "%s", got);
	close(fd);
	for (int i = 0; i < MOST; i++)
		close(fds[i]);
	fd = stream_dial(mine, "snapshot=true");
	got[0] = '\0';
	cr_expect(stream_has(fd, got, "initial-end") || stream_has(fd, got, "overloaded"), "%s", got);
	close(fd);
}

/* clang-format off */
static const scene told[] = {
	{"a plan with bindings", OWNER, "POST", "/v1/plans", NULL, "{\"manager\":\"git\",\"tenants\":{\"acme\":{\"tenants\":{\"gone\":{\"bindings\":{\"user:ada\":{\"roles\":[\"viewer\"]}}}}}}}", 201, "{'result':'changes'}", NULL, "bound=plan_id"},
	{"tells of them only to who may know", VIEWER, "GET", "/v1/plans/{bound}", NULL, NULL, 403, "{'code':'permission_denied'}", NULL},
	{"in any form", VIEWER, "GET", "/v1/plans/{bound}", "Accept: text/plain\r\n", NULL, 403, "{'code':'permission_denied'}", NULL},
	{"nor by what stands in its way", VIEWER, "POST", "/v1/plans/{bound}:apply", ANY, NULL, 403, "{'code':'permission_denied'}", NULL},
	{"its maker reads it", OWNER, "GET", "/v1/plans/{bound}", NULL, NULL, 200, "{'changes':[{'kind':'binding'}]}", NULL},
	{"and the platform", ADMIN, "GET", "/v1/plans/{bound}", "Accept: text/plain\r\n", NULL, 200, NULL, NULL},
	{"one without any", OWNER, "POST", "/v1/plans", NULL, "{\"manager\":\"git\",\"tenants\":{\"acme\":{\"tenants\":{\"gone\":{\"description\":\"say \\\"kind\\\":\\\"binding\\\"\"}}}}}", 201, NULL, NULL, "free=plan_id"},
	{"is for all who see the place", VIEWER, "GET", "/v1/plans/{free}", NULL, NULL, 200, "{'changes':[{'kind':'tenant'}]}", NULL},
};
/* clang-format on */

Test(api_past, a_plan_tells_of_bindings_only_to_who_may_see_them)
{
	past_begin("api_past_plans");
	scenes_play(told, N(told));
}
