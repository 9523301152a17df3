/* Anything at any moment, the connection cut at random bytes: nothing is lost, nothing happens twice, the books agree.
 */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "pg/proxy.h"
#include "realm.h"
#include "size.h"

enum { MOVES = 400, CUT_BYTES = 60000, CHECK_EVERY = 50 };

/* A seeded generator of our own, so that a failure can be run again. */
static uint64_t seed = 20260;

static int pick(int n)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (int)(seed % (uint64_t)n);
}

static const char *const tenants[] = {"a/b", "a/c", "a", "d"};
static const char *const requests[] = {
	"\"devices\":[{\"classes\":[\"h100-80g\"],\"memory_percent\":25,\"compute_milli\":300}]",
	"\"devices\":[{\"classes\":[\"h100-80g\",\"l40s\"],\"memory_mib\":30000}],\"node_policy\":\"spread\"",
	"\"devices\":[{\"count\":2,\"classes\":[\"h100-80g\"]}]",
	"\"queue\":false,\"devices\":[{\"count\":3}]",
	"\"replicas\":3,\"gang\":true,\"devices\":[{\"classes\":[\"l40s\"],\"memory_percent\":40}]",
	"\"devices\":[],\"host\":{\"cpu_milli\":8000,\"memory_mib\":1024}",
	"\"groups\":[{\"name\":\"x\",\"replicas\":2,\"devices\":[{\"memory_percent\":10}]},{\"name\":\"y\",\"devices\":[{\"classes\":[\"h100-80g\"]}]}]",
};
static const char *const states[] = {"delivered", "accepted", "bound", "running", "running", "done", "done", "failed",
	"refused", "revoked", "revoked"};

static void move_govern(realm *r)
{
	char sql[128];
	int limit = 4000 + pick(10) * 1000;

	snprintf(sql, sizeof sql, "UPDATE quota SET limit_device_milli = %d", limit);
	if (pick(2))
		realm_govern(r, "quota", sql);
	else
		realm_do(r, "%s", sql); /* found out by the commit alone */
}

static void move_inventory(realm *r)
{
	static const char *const items[] = {
		"{\"kind\":\"inventory\",\"nodes_gone\":[\"c2-n2\"]}",
		"{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"c2-n2\",\"cpu_milli\":64000,\"memory_mib\":262144,\"devices\":["
		"{\"uuid\":\"c2-n2-g0\",\"index\":0,\"product\":\"NVIDIA L40S\",\"memory_mib\":46068}]}]}",
		"{\"kind\":\"inventory\",\"nodes_gone\":[\"c2-n2\"]},{\"kind\":\"inventory\",\"nodes\":[{\"name\":\"c2-n2\",\"cpu_milli\":64000,"
		"\"memory_mib\":262144,\"devices\":[{\"uuid\":\"c2-n2-g1\",\"index\":1,\"product\":\"NVIDIA L40S\",\"memory_mib\":46068,\"health\":\"xid\"}]}]}",
		"{\"kind\":\"running\",\"is_whole\":true,\"placements\":[]}",
	};

	realm_report(r, "c2", items[pick(4)]);
}

static void move(realm *r)
{
	int what = pick(100);

	if (what < 35)
		(void)realm_place(r, tenants[pick(4)], requests[pick(7)]);
	else if (what < 50)
		realm_release(r, 1 + pick(r->placed + 1));
	else if (what < 92)
		realm_step(r, 1 + pick(r->placed + 1), states[pick(11)]);
	else if (what < 96)
		move_govern(r);
	else
		move_inventory(r);
}

static void check(realm *r, const char *when)
{
	realm_settle(r);
	const char *wrong = realm_check(r);
	cr_assert(!wrong, "%s, after %d requests: %s", when, r->placed, wrong ? wrong : "");
	cr_assert_eq(realm_int(r, "SELECT count(*) FROM placement"), r->placed);
}

static void play(const char *name, proxy *cuts, realm *r)
{
	for (int i = 1; i <= MOVES; i++) {
		if (cuts && pick(4) == 0)
			proxy_cut(cuts, pick(2) ? PROXY_TO_SERVER : PROXY_TO_CLIENT, pick(CUT_BYTES));
		for (int n = pick(5); n >= 0; n--)
			move(r);
		realm_run_for(r, pick(3) * 1000);
		if (cuts && pick(6) == 0)
			realm_do(r,
				"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'reeve/placer' AND datname = current_database()");
		if (i % CHECK_EVERY == 0)
			check(r, name);
	}
	/* A new term accepts the books: what is stored explains the totals. */
	realm_stop(r);
	realm_start(r);
	cr_assert(placer_is_serving(r->placer), "%s: status %d", name, r->status);
	check(r, name);
}

Test(placer_cut, undisturbed)
{
	realm r;
	realm_open(&r, "calm", NULL);
	realm_start(&r);
	play("calm", NULL, &r);
	realm_close(&r);
}

Test(placer_cut, cut_at_random)
{
	realm r;
	char through[256];

	realm_open(&r, "cut", NULL);
	proxy *cuts = proxy_new(r.l);
	snprintf(through, sizeof through, "host=%s user=reeve dbname=%s", proxy_folder(cuts),
		realm_text(&r, "SELECT current_database()"));
	r.options.dsn = through;
	realm_start(&r);
	play("cut", cuts, &r);
	cr_expect_gt(placer_term(r.placer), 0);
	placer_free(r.placer);
	r.placer = NULL;
	proxy_free(cuts);
	realm_close(&r);
}
