/* Raises through the door: who may ask, who may approve and who never, what does not fit, and what the clock does. */
#include <criterion/criterion.h>
#include <stdio.h>

#include "db/ledger.h"
#include "db/reader.h"
#include "pg/pg.h"
#include "scene.h"
#include "server/worker/raises.h"

#define ADMIN    "platform_admin", NULL
#define ADA      "quota_approver", "acme"    /* user:ada */
#define BOB      "member", "acme/nlp"        /* user:bob */
#define BOB_TOP  "tenant_owner", NULL        /* user:bob */
#define CID      "tenant_owner", "acme"      /* user:cid */
#define DAN      "tenant_owner", "acme/nlp"  /* user:dan */
#define EVE      "quota_manager", "acme/nlp" /* user:eve, by a token that user:cid made */
#define ROBOT    "quota_approver", NULL      /* service:robot */
#define LOOKER   "viewer", "acme/nlp"
#define STRANGER "quota_approver", "umbra"
#define ANY      "If-Match: *\r\n"
#define RAISES   "/v1/quota-requests"
#define H100(v)  "{\"models\":{\"h100-80g\":" v "}}"
#define MORE(v)  "{\"tenant\":\"acme/nlp\",\"model\":\"h100-80g\",\"reason\":\"deadline\"," v "}"
#define N(v)     (sizeof(v) / sizeof(*(v)))

enum { TICK_US = 20000, TICKS_MAX = 1000 };

/* clang-format off */
static const scene setup[] = {
	{"a tenant", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"acme\"}", 201, NULL, NULL, NULL},
	{"below it", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"nlp\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"beside that", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"vision\",\"parent\":\"acme\"}", 201, NULL, NULL, NULL},
	{"another", ADMIN, "POST", "/v1/tenants", NULL, "{\"name\":\"umbra\"}", 201, NULL, NULL, NULL},
	{"its quota", ADMIN, "PUT", "/v1/tenants/acme/quota", ANY, H100("{\"guaranteed\":{\"device_milli\":8000},\"limit\":{\"device_milli\":9000}}"), 200, NULL, NULL, NULL},
	{"a child's", ADMIN, "PUT", "/v1/tenants/acme~nlp/quota", ANY, H100("{\"guaranteed\":{\"device_milli\":4000},\"limit\":{\"device_milli\":5000}}"), 200, NULL, NULL, NULL},
	{"the other's", ADMIN, "PUT", "/v1/tenants/acme~vision/quota", ANY, H100("{\"guaranteed\":{\"device_milli\":2000}}"), 200, NULL, NULL, NULL},
	{"an hour from now", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"a\",\"role\":\"viewer\",\"ttl_s\":3600}", 201, NULL, NULL, "hour=expires_at"},
	{"two", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"b\",\"role\":\"viewer\",\"ttl_s\":7200}", 201, NULL, NULL, "two=expires_at"},
	{"three", ADMIN, "POST", "/v1/tokens", NULL, "{\"name\":\"c\",\"role\":\"viewer\",\"ttl_s\":10800}", 201, NULL, NULL, "three=expires_at"},
};

static const scene asking[] = {
	{"an amount", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":0}"), 422, "{'code':'missing_field','errors':[{'pointer':'#/limit'}]}", NULL, NULL},
	{"an end of what is promised", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"device_milli\":1}"), 422, "{'code':'missing_field','errors':[{'pointer':'#/until'}]}", NULL, NULL},
	{"an end to come", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":1},\"until\":\"2001-01-01T00:00:00Z\""), 422, "{'code':'bad_field','errors':[{'pointer':'#/until'}]}", NULL, NULL},
	{"behind the beginning", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":1},\"from\":\"{two}\",\"until\":\"{hour}\""), 422, "{'code':'bad_field','errors':[{'pointer':'#/until'}]}", NULL, NULL},
	{"within a year", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":1},\"until\":\"2150-01-01T00:00:00Z\""), 422, "{'code':'bad_field'}", NULL, NULL},
	{"a limit that is there", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"memory_mib\":1}"), 422, "{'code':'bad_field','errors':[{'pointer':'#/limit/memory_mib'}]}", NULL, NULL},
	{"no amount below nothing", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":-1}"), 422, "{'code':'bad_field','errors':[{'pointer':'#/limit/device_milli'}]}", NULL, NULL},
	{"a class", BOB, "POST", RAISES, NULL, "{\"tenant\":\"acme/nlp\",\"model\":\"b9\",\"reason\":\"x\",\"limit\":{\"device_milli\":1}}", 422, "{'code':'unknown_class','errors':[{'pointer':'#/model'}]}", NULL, NULL},
	{"a reason", BOB, "POST", RAISES, NULL, "{\"tenant\":\"acme/nlp\",\"model\":\"h100-80g\",\"limit\":{\"device_milli\":1}}", 422, "{'code':'missing_field','errors':[{'pointer':'#/reason'}]}", NULL, NULL},
	{"one's own tenant", BOB, "POST", RAISES, NULL, "{\"tenant\":\"acme/vision\",\"model\":\"h100-80g\",\"reason\":\"x\",\"limit\":{\"device_milli\":1}}", 422, "{'code':'unknown_tenant','errors':[{'pointer':'#/tenant'}]}", NULL, NULL},
	{"the right", LOOKER, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":1}"), 403, "{'code':'permission_denied'}", NULL, NULL},
	{"asked", BOB, "POST", RAISES, "Idempotency-Key: r\r\n", MORE("\"guaranteed\":{\"device_milli\":1000},\"limit\":{\"device_milli\":2000},\"until\":\"{hour}\",\"reference\":\"T-1\""), 201, "{'tenant':'acme/nlp','state':'pending','guaranteed':{'device_milli':1000},'limit':{'device_milli':2000},'reason':'deadline','reference':'T-1','requested_by':'user:bob','approved_by':[],'is_automatic':false}", "Location: /v1/quota-requests/rse_", "one=id"},
	{"once", BOB, "POST", RAISES, "Idempotency-Key: r\r\n", MORE("\"guaranteed\":{\"device_milli\":1000},\"limit\":{\"device_milli\":2000},\"until\":\"{hour}\",\"reference\":\"T-1\""), 201, "{'id':'{one}'}", "Idempotency-Replayed: true", NULL},
	{"nothing counts yet", BOB, "GET", "/v1/tenants/acme~nlp/quota", NULL, NULL, 200, "{'raises':[]}", NULL, NULL},
};

static const scene deciding[] = {
	{"not one's own, with another role", BOB_TOP, "POST", RAISES "/{one}:approve", NULL, NULL, 403, "{'code':'self_approval_denied'}", NULL, NULL},
	{"not by a program", ROBOT, "POST", RAISES "/{one}:approve", NULL, NULL, 403, "{'code':'person_required'}", NULL, NULL},
	{"not by nobody", ADMIN, "POST", RAISES "/{one}:approve", NULL, NULL, 403, "{'code':'person_required'}", NULL, NULL},
	{"not from the tenant itself", DAN, "POST", RAISES "/{one}:approve", NULL, NULL, 403, "{'code':'permission_denied','detail':'this needs the right quota.approve at acme'}", NULL, NULL},
	{"not without the right", BOB, "POST", RAISES "/{one}:approve", NULL, NULL, 403, "{'code':'permission_denied'}", NULL, NULL},
	{"not out of sight", STRANGER, "POST", RAISES "/{one}:approve", NULL, NULL, 404, "{'code':'not_found'}", NULL, NULL},
	{"with a token that the approver made", EVE, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":1}"), 201, "{'requested_by':'user:eve'}", NULL, "eves=id"},
	{"it is theirs too", CID, "POST", RAISES "/{eves}:approve", NULL, NULL, 403, "{'code':'self_approval_denied'}", NULL, NULL},
	{"more than there is", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"device_milli\":3000},\"until\":\"{hour}\""), 201, NULL, NULL, "much=id"},
	{"is told with its numbers", ADA, "POST", RAISES "/{much}:approve", NULL, NULL, 422, "{'code':'quota_exceeds_parent','detail':'acme is promised 8000, its children would hold 9000: 1000 too much','errors':[{'pointer':'#/guaranteed/device_milli'}]}", NULL, NULL},
	{"a stale tag", ADA, "POST", RAISES "/{one}:approve", "If-Match: \"1\"\r\n", NULL, 412, "{'code':'etag_mismatch'}", NULL, NULL},
	{"approved", ADA, "POST", RAISES "/{one}:approve", "Idempotency-Key: a\r\n", NULL, 200, "{'state':'applied','approved_by':['user:ada'],'is_automatic':false}", "ETag: \"", NULL},
	{"answered again", ADA, "POST", RAISES "/{one}:approve", "Idempotency-Key: a\r\n", NULL, 200, "{'state':'applied'}", "Idempotency-Replayed: true", NULL},
	{"not twice", CID, "POST", RAISES "/{one}:approve", NULL, NULL, 409, "{'code':'state_transition','detail':'it is applied'}", NULL, NULL},
	{"it stands beside what was set", BOB, "GET", "/v1/tenants/acme~nlp/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'guaranteed':{'device_milli':4000},'limit':{'device_milli':5000}}},'raises':[{'id':'{one}','model':'h100-80g','guaranteed':{'device_milli':1000},'limit':{'device_milli':2000}}]}", NULL, NULL},
	{"and counts against the siblings", CID, "PUT", "/v1/tenants/acme~vision/quota", ANY, H100("{\"guaranteed\":{\"device_milli\":4000}}"), 422, "{'code':'quota_exceeds_parent','detail':'acme is promised 8000, its children would hold 9000: lower this by 1000 or raise the parent first'}", NULL, NULL},
	{"what was set is edited beside it", CID, "PUT", "/v1/tenants/acme~nlp/quota", ANY, H100("{\"guaranteed\":{\"device_milli\":3000},\"limit\":{\"device_milli\":4000}}"), 200, "{'models':{'h100-80g':{'guaranteed':{'device_milli':3000}}},'raises':[{'id':'{one}'}]}", NULL, NULL},
	{"the parent covers both", ADMIN, "PUT", "/v1/tenants/acme/quota", ANY, H100("{\"guaranteed\":{\"device_milli\":5999}}"), 422, "{'code':'quota_exceeds_parent'}", NULL, NULL},
	{"a stranger does not give it back", EVE, "POST", RAISES "/{one}:cancel", NULL, NULL, 403, "{'code':'permission_denied','detail':'only who asked takes it back'}", NULL, NULL},
	{"a denial says why", ADA, "POST", RAISES "/{much}:deny", NULL, "{}", 422, "{'code':'missing_field','errors':[{'pointer':'#/reason'}]}", NULL, NULL},
	{"denied", ADA, "POST", RAISES "/{much}:deny", NULL, "{\"reason\":\"no room\"}", 200, "{'state':'denied','ended_by':'user:ada','ended_reason':'no room'}", NULL, NULL},
	{"which is the end", ADA, "POST", RAISES "/{much}:approve", NULL, NULL, 409, "{'code':'state_transition'}", NULL, NULL},
	{"withdrawn", EVE, "POST", RAISES "/{eves}:cancel", NULL, NULL, 200, "{'state':'cancelled','ended_by':'user:eve'}", NULL, NULL},
	{"by tenant and state", ADA, "GET", RAISES "?tenant=acme&subtree=true&state=applied,pending", NULL, NULL, 200, "{'items':[{'id':'{one}'}]}", NULL, NULL},
	{"page by page", ADA, "GET", RAISES "?limit=1", NULL, NULL, 200, "{'items':[{}]}", "Link: <", NULL},
	{"a state there is", ADA, "GET", RAISES "?state=open", NULL, NULL, 400, "{'code':'bad_parameter'}", NULL, NULL},
	{"nothing out of sight", STRANGER, "GET", RAISES, NULL, NULL, 200, "{'items':[]}", NULL, NULL},
	{"one", BOB, "GET", RAISES "/{one}", NULL, NULL, 200, "{'id':'{one}','state':'applied'}", "ETag: \"", NULL},
	{"given back", BOB, "POST", RAISES "/{one}:cancel", NULL, "{\"reason\":\"done\"}", 200, "{'state':'reverted','ended_by':'user:bob','ended_reason':'done'}", NULL, NULL},
	{"what was set stays", BOB, "GET", "/v1/tenants/acme~nlp/quota", NULL, NULL, 200, "{'models':{'h100-80g':{'guaranteed':{'device_milli':3000},'limit':{'device_milli':4000}}},'raises':[]}", NULL, NULL},
};

static const scene pairs[] = {
	{"who approves does not make the rules", ADA, "PUT", "/v1/tenants/acme/raise-policy", ANY, "{\"second_device_milli\":500}", 403, NULL, NULL, NULL},
	{"nor who asks", BOB, "PUT", "/v1/tenants/acme~nlp/raise-policy", ANY, "{\"auto_device_milli\":500}", 403, NULL, NULL, NULL},
	{"two are needed", CID, "PUT", "/v1/tenants/acme/raise-policy", "If-Match: \"0\"\r\n", "{\"second_device_milli\":500}", 200, "{'tenant':'acme','second_device_milli':500,'auto_device_milli':null}", NULL, NULL},
	{"it is read", ADA, "GET", "/v1/tenants/acme/raise-policy", NULL, NULL, 200, "{'second_device_milli':500}", "ETag: \"", NULL},
	{"and changed by who read it", CID, "PUT", "/v1/tenants/acme/raise-policy", "If-Match: \"0\"\r\n", "{}", 412, "{'code':'etag_mismatch'}", NULL, NULL},
	{"less needs one", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":500}"), 201, NULL, NULL, "few=id"},
	{"as before", ADA, "POST", RAISES "/{few}:approve", NULL, NULL, 200, "{'state':'applied'}", NULL, NULL},
	{"more", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":501}"), 201, NULL, NULL, "many=id"},
	{"waits behind the first", ADA, "POST", RAISES "/{many}:approve", NULL, NULL, 200, "{'state':'pending','approved_by':['user:ada']}", NULL, NULL},
	{"who is not the second", ADA, "POST", RAISES "/{many}:approve", NULL, NULL, 403, "{'code':'self_approval_denied'}", NULL, NULL},
	{"another is", CID, "POST", RAISES "/{many}:approve", NULL, NULL, 200, "{'state':'applied','approved_by':['user:ada','user:cid']}", NULL, NULL},
	{"who approves takes back", ADA, "POST", RAISES "/{many}:deny", NULL, "{\"reason\":\"needed elsewhere\"}", 200, "{'state':'reverted','ended_reason':'needed elsewhere'}", NULL, NULL},
};

static const scene chains[] = {
	{"the parent asks", CID, "POST", RAISES, NULL, "{\"tenant\":\"acme\",\"model\":\"h100-80g\",\"reason\":\"x\",\"guaranteed\":{\"device_milli\":2000},\"until\":\"{two}\"}", 201, NULL, NULL, "top=id"},
	{"and gets", BOB_TOP, "POST", RAISES "/{top}:approve", NULL, NULL, 200, "{'state':'applied'}", NULL, NULL},
	{"a child asks for longer", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"device_milli\":4000},\"until\":\"{three}\""), 201, NULL, NULL, "long=id"},
	{"than the parent has it", ADA, "POST", RAISES "/{long}:approve", NULL, NULL, 422, "{'code':'quota_exceeds_parent','detail':'from {two} on acme is promised 8000, its children would hold 10000: 2000 too much'}", NULL, NULL},
	{"as long", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"device_milli\":4000},\"until\":\"{two}\""), 201, NULL, NULL, "low=id"},
	{"is fine", ADA, "POST", RAISES "/{low}:approve", NULL, NULL, 200, "{'state':'applied'}", NULL, NULL},
	{"nothing for good out of it", CID, "PUT", "/v1/tenants/acme~vision/quota", ANY, H100("{\"guaranteed\":{\"device_milli\":2001}}"), 422, "{'code':'quota_exceeds_parent'}", NULL, NULL},
	{"nor is it given back below them", CID, "POST", RAISES "/{top}:cancel", NULL, NULL, 422, "{'code':'quota_exceeds_parent','detail':'acme is promised 8000, its children would hold 10000: 2000 too much'}", NULL, NULL},
	{"later on", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":7},\"from\":\"{hour}\",\"until\":\"{two}\""), 201, NULL, NULL, "late=id"},
	{"approved before", ADA, "POST", RAISES "/{late}:approve", NULL, NULL, 200, "{'state':'approved'}", NULL, NULL},
	{"one that nobody looks at", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":9}"), 201, NULL, NULL, "old=id"},
};

static const scene policy[] = {
	{"up to so much", CID, "PUT", "/v1/tenants/acme/raise-policy", ANY, "{\"auto_device_milli\":1500,\"auto_for_s\":5400}", 200, NULL, NULL, NULL},
	{"inside", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"device_milli\":1000},\"until\":\"{hour}\""), 201, NULL, NULL, "in=id"},
	{"in all too much", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"device_milli\":501},\"until\":\"{hour}\""), 201, NULL, NULL, "over=id"},
	{"too long", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"device_milli\":1},\"until\":\"{two}\""), 201, NULL, NULL, "long=id"},
	{"without end", BOB, "POST", RAISES, NULL, MORE("\"limit\":{\"device_milli\":1}"), 201, NULL, NULL, "ever=id"},
	{"on an axis without room", BOB, "POST", RAISES, NULL, MORE("\"guaranteed\":{\"memory_mib\":1},\"until\":\"{hour}\""), 201, NULL, NULL, "axis=id"},
};

static const scene granted[] = {
	{"granted, and said so", BOB, "GET", RAISES "/{in}", NULL, NULL, 200, "{'state':'applied','is_automatic':true,'approved_by':['policy']}", NULL, NULL},
	{"the rest waits for people", ADA, "GET", RAISES "?state=pending", NULL, NULL, 200, "{'items':[{'id':'{over}'},{'id':'{long}'},{'id':'{ever}'},{'id':'{axis}'}]}", NULL, NULL},
};
/* clang-format on */

static void begin(const char *name)
{
	served_start(name);
	scenes_play(setup, N(setup));
	served_person(ADA, "user:ada");
	served_person(BOB, "user:bob");
	served_person(BOB_TOP, "user:bob");
	served_person(CID, "user:cid");
	served_person(DAN, "user:dan");
	served_person(EVE, "user:eve");
	served_person(ROBOT, "service:robot");
	pg_do(served_dsn(),
		"UPDATE token SET generation = 1, maker_token = (SELECT id FROM token WHERE subject = 'user:cid') WHERE subject = 'user:eve'");
}

Test(api_raise, asking_needs_an_amount_a_reason_and_an_end_of_what_is_promised)
{
	begin("api_raise_ask");
	scenes_play(asking, N(asking));
}

Test(api_raise, nobody_approves_their_own_and_what_counts_stands_beside_the_quota)
{
	begin("api_raise_decide");
	scenes_play(&asking[N(asking) - 3], 1);
	scenes_play(deciding, N(deciding));
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit WHERE action = 'quota_request.approve' AND outcome = 'refused:self_approval_denied'"),
		2, "a refusal leaves its record");
	cr_expect_eq(pg_int(served_dsn(),
			     "SELECT count(*) FROM audit WHERE action = 'quota_request.approve' AND outcome = 'done'"),
		1);
}

Test(api_raise, above_a_threshold_two_persons_approve)
{
	begin("api_raise_pairs");
	scenes_play(pairs, N(pairs));
}

/* The worker's part, in this process, until the statement says 0 or for at most 20 s. */
typedef struct helper {
	loop *loop;
	loop_timer *timer;
	const char *left;
	int ticks;
} helper;

static void helper_tick(void *arg)
{
	helper *h = arg;

	if (pg_int(served_dsn(), h->left) == 0 || ++h->ticks > TICKS_MAX)
		loop_stop(h->loop);
	else
		loop_timer_arm(h->timer, TICK_US);
}

static void clock_runs(const char *left)
{
	helper h = {.loop = loop_new(), .left = left};
	db_options read = {.dsn = served_dsn(), .kind = "test-read", .role = "reeve_jobs", .is_platform = true};
	db_options write = {.dsn = served_dsn(), .kind = "test-ledger", .role = "reeve_platform", .is_platform = true};
	db_reader *reader = reader_new(h.loop, &(reader_options){.platform = read, .platform_n = 1});
	ledger *to = ledger_new(h.loop, &(ledger_options){.db = write});
	raises *s = raises_new(h.loop, reader, to, NULL, NULL);

	h.timer = loop_timer_new(h.loop, helper_tick, &h);
	loop_timer_arm(h.timer, TICK_US);
	loop_run(h.loop);
	ledger_free(to);
	reader_free(reader);
	raises_free(s);
	loop_timer_free(h.timer);
	loop_free(h.loop);
	cr_expect_leq(h.ticks, TICKS_MAX, "it is done: %s", left);
}

Test(api_raise, what_is_over_ends_by_itself_below_before_above)
{
	begin("api_raise_clock");
	scenes_play(chains, N(chains));
	pg_do(served_dsn(), "UPDATE quota_raise SET begins_at = now() - interval '1 s' WHERE state = 'approved'");
	clock_runs("SELECT count(*) FROM quota_raise WHERE state = 'approved'");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM quota_raise WHERE state = 'applied'"), 3);
	pg_do(served_dsn(), "UPDATE quota_raise SET created_at = now() - interval '31 days' WHERE state = 'pending'");
	pg_do(served_dsn(),
		"UPDATE quota_raise SET begins_at = NULL, ends_at = now() - interval '1 day' WHERE state = 'applied'");
	pg_do(served_dsn(),
		"INSERT INTO tenant_use (tenant_key, model, device_milli) SELECT key, 'h100-80g', 6000 FROM tenant WHERE path = 'acme/nlp'");
	clock_runs("SELECT count(*) FROM quota_raise WHERE state IN ('pending', 'approved', 'applied')");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM quota_raised"), 0, "nothing counts any more");
	cr_expect_eq(pg_int(served_dsn(),
			     "SELECT count(*) FROM quota_raise WHERE state = 'reverted' AND ended_by = 'clock'"),
		3);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM quota_raise WHERE state = 'expired'"), 2);
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT ((SELECT max(n) FROM audit a JOIN tenant t ON t.key = a.tenant_key WHERE action = 'quota_request.revert' AND path = 'acme/nlp') < "
			"(SELECT n FROM audit a JOIN tenant t ON t.key = a.tenant_key WHERE action = 'quota_request.revert' AND path = 'acme'))::int"),
		1, "the lower one first");
	scenes_play(
		&(scene){"use above it is told, and legal", BOB, "GET", "/v1/tenants/acme~nlp/quota", NULL, NULL, 200,
			"{'models':{'h100-80g':{'limit':{'device_milli':5000},'guaranteed':{'device_milli':4000}}},'raises':[],'conditions':[{'type':'over_guaranteed'},{'type':'over_limit'}]}",
			NULL, NULL},
		1);
}

/* As after a night without a server. One at a time each would be a look, a transaction and a time of its own. */
Test(api_raise, many_that_are_over_end_together)
{
	enum { MANY = 1000, TIMES_MAX = MANY / 16 };

	begin("api_raise_many");
	pg_do(served_dsn(),
		"INSERT INTO quota_raise (id, tenant_key, model, limit_device_milli, reason, requester, requester_credential, requester_marks, state, "
		"begins_at, ends_at, rev) SELECT 'rse_' || lpad(i::text, 26, '0'), t.key, 'h100-80g', 1, 'x', 'user:bob', 'tok_x', '{}', "
		"(ARRAY['applied', 'applied', 'approved', 'pending'])[1 + i % 4], now() - interval '2 days', now() - interval '1 day', 1 "
		"FROM generate_series(1, 1000) i JOIN tenant t ON t.path = (ARRAY['acme', 'acme/nlp', 'acme/vision'])[1 + i % 3]");
	clock_runs("SELECT count(*) FROM quota_raise WHERE state IN ('pending', 'approved', 'applied')");
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM quota_raise WHERE state = 'reverted'"), MANY / 2);
	cr_expect_eq(pg_int(served_dsn(), "SELECT count(*) FROM quota_raise WHERE state = 'expired'"), MANY / 2);
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit WHERE action IN ('quota_request.revert', 'quota_request.expire') AND outcome = 'done'"),
		MANY, "each with its record");
	cr_expect_lt(pg_int(served_dsn(), "SELECT count(DISTINCT at) FROM audit WHERE action LIKE 'quota_request.%'"),
		TIMES_MAX, "many in one transaction");
	cr_expect_eq(
		pg_int(served_dsn(),
			"SELECT count(*) FROM audit x JOIN tenant tx ON tx.key = x.tenant_key JOIN audit y ON y.n > x.n JOIN tenant ty ON ty.key = y.tenant_key "
			"WHERE x.action = 'quota_request.revert' AND y.action = 'quota_request.revert' AND tx.depth < ty.depth"),
		0, "the lower ones first");
}

Test(api_raise, a_policy_grants_inside_its_amounts_and_what_is_promised_to_nobody)
{
	begin("api_raise_policy");
	scenes_play(policy, N(policy));
	clock_runs("SELECT count(*) - 1 FROM quota_raise WHERE state = 'applied'");
	scenes_play(granted, N(granted));
	cr_expect_eq(pg_int(served_dsn(),
			     "SELECT count(*) FROM audit WHERE action = 'quota_request.grant' AND actor = 'policy'"),
		1);
}
