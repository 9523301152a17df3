/* Reservations through the door: made, read, deleted, seen in scope; what cannot be meant is refused with its place. */
#include <criterion/criterion.h>

#include "pg/pg.h"
#include "scene.h"

#define ADMIN "platform_admin", NULL
#define OWNER "tenant_owner", "acme"
#define ANY   "If-Match: *\r\n"
#define PATH  "/v1/reservations"
#define N(v)  (sizeof(v) / sizeof(*(v)))

/* clang-format off */
static const scene rows[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"below it", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, NULL},
	{"a cluster", ADMIN, "POST", "/v1/clusters", NULL, "{\"name\":\"par\"}", 201, NULL, NULL, NULL},
	{"made", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme/nlp\",\"name\":\"launch\",\"starts_at\":\"{+3600}\",\"ends_at\":\"{+7200}\",\"cluster\":\"par\",\"class\":\"h100-80g\",\"count\":8,\"per_node\":4}", 201, "{'tenant':'acme/nlp','name':'launch','cluster':'par','class':'h100-80g','count':8,'per_node':4,'uuids':[],'state':'pending','placed':[],'blockers':[],'unused_device_milli':0}", "Location: /v1/reservations/rsv_", "r=id"},
	{"read", OWNER, "GET", PATH "/{r}", NULL, NULL, 200, "{'id':'{r}','state':'pending'}", "ETag: ", "e=revision"},
	{"listed from above", OWNER, "GET", PATH "?tenant=acme&subtree=true", NULL, NULL, 200, "{'items':[{'id':'{r}'}]}", NULL, NULL},
	{"not of the tenant itself", OWNER, "GET", PATH "?tenant=acme", NULL, NULL, 200, "{'items':[]}", NULL, NULL},
	{"not seen by others", "tenant_owner", "umbra", "GET", PATH "/{r}", NULL, NULL, 404, NULL, NULL, NULL},
	{"nor made by them", "tenant_owner", "umbra", "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\"}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/tenant'}]}", NULL, NULL},
	{"a member makes none", "member", "acme", "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\"}", 403, NULL, NULL, NULL},
	{"but sees them", "member", "acme", "GET", PATH "/{r}", NULL, NULL, 200, NULL, NULL, NULL},
	{"a window ends", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"class\":\"h100-80g\"}", 422, "{'code':'missing_field','errors':[{'pointer':'#/ends_at'}]}", NULL, NULL},
	{"not before it begins", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"starts_at\":\"{+90}\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/ends_at'}]}", NULL, NULL},
	{"nor in the past", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"starts_at\":\"{-90}\",\"ends_at\":\"{-60}\",\"class\":\"h100-80g\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/ends_at'}]}", NULL, NULL},
	{"nor beyond sight", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+40000000}\",\"class\":\"h100-80g\"}", 422, "{'code':'bad_field','errors':[{'pointer':'#/ends_at'}]}", NULL, NULL},
	{"of something", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\"}", 422, "{'code':'missing_field','errors':[{'pointer':'#/class'}]}", NULL, NULL},
	{"that there is", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"x9\"}", 422, "{'code':'unknown_class','errors':[{'pointer':'#/class'}]}", NULL, NULL},
	{"somewhere that there is", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\",\"cluster\":\"lyon\"}", 422, "{'code':'unknown_cluster','errors':[{'pointer':'#/cluster'}]}", NULL, NULL},
	{"whole nodes' worth", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\",\"count\":6,\"per_node\":4}", 422, "{'code':'bad_field','errors':[{'pointer':'#/count'}]}", NULL, NULL},
	{"devices or a class", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\",\"uuids\":[\"u1\"]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/class'}]}", NULL, NULL},
	{"each device once", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"uuids\":[\"u1\",\"u1\"]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/uuids'}]}", NULL, NULL},
	{"counted as they are", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"uuids\":[\"u1\"],\"count\":2}", 422, "{'code':'bad_field','errors':[{'pointer':'#/count'}]}", NULL, NULL},
	{"and there", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"uuids\":[\"u2\"]}", 422, "{'code':'bad_field','errors':[{'pointer':'#/uuids'}]}", NULL, NULL},
	{"nothing that only the server sets", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\",\"state\":\"held\"}", 422, "{'code':'read_only_field'}", NULL, NULL},
	{"devices by name, counted", OWNER, "POST", PATH, "Idempotency-Key: once\r\n", "{\"tenant\":\"acme\",\"ends_at\":\"2099-01-01T00:00:00Z\",\"uuids\":[\"u1\"]}", 422, NULL, NULL, NULL},
	{"from now on", OWNER, "POST", PATH, NULL, "{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"uuids\":[\"u1\"],\"memory_mib\":100,\"compute_milli\":0}", 201, "{'count':1,'uuids':['u1'],'memory_mib':100,'compute_milli':0}", NULL, "d=id"},
	{"a delete says of what", OWNER, "DELETE", PATH "/{r}", NULL, NULL, 428, NULL, NULL, NULL},
	{"not of an old revision", OWNER, "DELETE", PATH "/{r}", "If-Match: \"1\"\r\n", NULL, 412, NULL, NULL, NULL},
	{"not by a viewer", "viewer", "acme", "DELETE", PATH "/{r}", ANY, NULL, 403, NULL, NULL, NULL},
	{"not by others", "tenant_owner", "umbra", "DELETE", PATH "/{r}", ANY, NULL, 404, NULL, NULL, NULL},
	{"deleted", OWNER, "DELETE", PATH "/{r}", "If-Match: \"{e}\"\r\n", NULL, 204, NULL, NULL, NULL},
	{"and gone", OWNER, "GET", PATH "/{r}", NULL, NULL, 404, NULL, NULL, NULL},
	{"once", OWNER, "DELETE", PATH "/{r}", ANY, NULL, 404, NULL, NULL, NULL},
};
/* clang-format on */

Test(api_reservation, made_read_and_deleted)
{
	served_start("api_reservation");
	scenes_play(rows, 4);
	pg_do(served_dsn(),
		"INSERT INTO node (id, cluster_key, name, rank, cpu_milli, memory_mib, pods, health, seen_at) SELECT 'nod_1', "
		"key, 'n1', 1, 1, 1, 1, 'ok', now() FROM cluster");
	pg_do(served_dsn(),
		"INSERT INTO device (id, node_key, cluster_key, uuid, index_no, class, product, memory_mib, "
		"compute_milli, slots, health, seen_at) SELECT 'dev_1', key, cluster_key, 'u1', 0, 'h100-80g', '', "
		"1000, 1000, 10, 'ok', now() FROM node");
	scenes_play(rows + 4, N(rows) - 4);
	cr_expect_eq(pg_int(served_dsn(),
			     "SELECT count(*) FROM audit WHERE object_kind = 'reservation' AND outcome = 'done'"),
		3);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM reservation WHERE deleted_at IS NULL"), 1);
}

Test(api_reservation, a_tenant_has_so_many_and_no_more)
{
	static const scene one_more[] = {
		{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
		{"the last", OWNER, "POST", PATH, NULL,
			"{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\"}", 201, NULL, NULL, NULL},
		{"one too many", OWNER, "POST", PATH, NULL,
			"{\"tenant\":\"acme\",\"ends_at\":\"{+60}\",\"class\":\"h100-80g\"}", 422,
			"{'code':'too_many_items'}", NULL, NULL},
	};

	served_start("api_reservation_many");
	scenes_play(one_more, 1);
	pg_do(served_dsn(),
		"INSERT INTO reservation (id, tenant_key, starts_at, ends_at, class, count, per_node, uuids) SELECT 'rsv_' || n, key, now(), "
		"now() + CASE WHEN n <= 63 THEN interval '1 day' ELSE interval '1 ms' END, 'l40s', 1, 1, '{}' FROM tenant, generate_series(1, 70) n WHERE path = 'acme'");
	scenes_play(one_more + 1, N(one_more) - 1);
}
