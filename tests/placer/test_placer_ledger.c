/* The ledger in PostgreSQL under random work and random edits, through the real placer: the stored totals are what the
 * engine's tree and the slow model say of the same tenants, quotas and placements; no batch raises use above what the
 * quota allows; loans are those of the tree; and when all is released nothing is left. LEDGER_BATCHES of
 * tests/sizes.sh, ENGINE_SEED for the seed. */
#include <criterion/criterion.h>

#include "db/sql.h"
#include "quota_model.h"
#include "realm.h"
#include "server/placer/claim.h"
#include "server/placer/placer_inside.h"
#include "size.h"

enum { OPERATIONS = 40, WHOLE_EVERY = 16 };

static const char *const models[SLOW_MODELS] = {"h100-80g", "l40s"};

typedef struct world {
	realm r;
	uint64_t seed, run;
	slow s;
	int32_t key_of[SLOW_TENANTS]; /* of the database, by the model's index */
	char path[SLOW_TENANTS][64];
	int32_t n;
	quota *q;
	int32_t handle_of[SLOW_TENANTS];
} world;

static const char *const tenants[] = {"a", "a/b", "a/c", "d"};

static void want_one(world *w)
{
	const char *tenant = tenants[draw_below(&w->seed, 4)], *model = models[draw_below(&w->seed, 2)];
	char body[256];

	snprintf(body, sizeof body, "\"queue\":%s,\"replicas\":%ld,\"devices\":[{\"classes\":[\"%s\"]%s}]",
		draw_below(&w->seed, 2) ? "true" : "false", 1 + (long)draw_below(&w->seed, 3), model,
		draw_below(&w->seed, 2) ? ",\"memory_mib\":20000,\"compute_milli\":300" : "");
	realm_do(&w->r,
		"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) SELECT 'place', 'plc_%d', key, 'tok_1', 'req', "
		"'{\"tenant\":\"' || path || '\",%s}' FROM tenant WHERE id = (SELECT id FROM tenant WHERE name = '%s' AND deleted_at IS NULL)",
		++w->r.placed, body, strrchr(tenant, '/') ? strrchr(tenant, '/') + 1 : tenant);
}

static void release(world *w, const char *which)
{
	realm_do(&w->r,
		"INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body) SELECT 'release', id, 2, 'tok_2', 'req', '' FROM placement "
		"WHERE ended_at IS NULL AND state <> 'revoking' %s",
		which);
}

/* Agents tell at once that what was revoked is gone. */
static void revoked_all(world *w)
{
	realm_do(&w->r,
		"INSERT INTO inbox (kind, object_id, tenant_key, cluster_key, actor, request_id, body) SELECT 'report', 's:3', 1, cluster_key, 'agent', '', "
		"json_build_object('session', 's', 'seq', 3, 'items', json_build_array(json_build_object('kind', 'step', 'placement', id, "
		"'fence', fence_incarnation || '.' || fence_no, 'state', 'revoked')))::text FROM placement WHERE state = 'revoking'");
}

static void put_quota(world *w)
{
	static const char *const words[] = {"limit", "guaranteed", "lend_limit", "borrow_limit", "class_limit"};
	char sql[512];
	const char *word = words[draw_below(&w->seed, 5)];
	bool is_gone = draw_below(&w->seed, 3) == 0;
	char amount[32];

	snprintf(amount, sizeof amount, "%ld",
		(long)draw_below(&w->seed, strcmp(word, "guaranteed") == 0 ? 4000 : 9000));
	snprintf(sql, sizeof sql,
		"INSERT INTO quota (tenant_key, model, %s_device_milli) SELECT key, '%s', %s FROM tenant WHERE name = '%c' AND depth > 0 "
		"ON CONFLICT (tenant_key, model) DO UPDATE SET %s_device_milli = excluded.%s_device_milli",
		word, models[draw_below(&w->seed, 2)], is_gone ? "NULL" : amount, "abcd"[draw_below(&w->seed, 4)], word,
		word);
	realm_govern(&w->r, "quota", sql);
}

static void put_credits(world *w)
{
	char sql[256];

	snprintf(sql, sizeof sql, "UPDATE tenant SET credits_limit = %ld WHERE name = '%c' AND depth > 0",
		(long)draw_below(&w->seed, 9000) * 1000, "abcd"[draw_below(&w->seed, 4)]);
	realm_govern(&w->r, "quota", sql);
}

/* Through the real statement: what it refuses changes nothing. */
static void move(world *w)
{
	static const char *const to[] = {"", "tnt_a", "tnt_b", "tnt_d"};

	realm_do(&w->r,
		"BEGIN; SELECT n FROM chain WHERE id = 'g' FOR UPDATE; PREPARE m (text, text, text, text, int8, int8) AS %s;"
		"EXECUTE m('tnt_%c', NULL, NULL, '%s', -1, 1); DEALLOCATE m; UPDATE chain SET n = n + 1 WHERE id = 'g';"
		"INSERT INTO audit SELECT n, now(), 'a', 'put', 'tenant', 'x', 1, '', 'done', '{}', '' FROM chain WHERE id = 'g'; COMMIT",
		sql_stmts[SQL_TENANT_PATCH].text, "abcd"[draw_below(&w->seed, 4)], to[draw_below(&w->seed, 4)]);
}

static void operate(world *w, bool with_edits)
{
	switch (draw_below(&w->seed, with_edits ? 10 : 7)) {
	case 7:
		put_quota(w);
		break;
	case 8:
		put_credits(w);
		break;
	case 9:
		move(w);
		break;
	case 6:
		release(w, "ORDER BY md5(id || now()::text) LIMIT 2");
		break;
	default:
		want_one(w);
	}
}

static int64_t term(world *w, int32_t x, int m, const char *column)
{
	const char *text = realm_text(
		&w->r, "SELECT %s FROM quota WHERE tenant_key = %d AND model = '%s'", column, w->key_of[x], models[m]);
	int64_t v = QUOTA_UNSET;

	(void)str_to_i64(str_from(text), &v);
	return *text ? v : QUOTA_UNSET;
}

static void model_read(world *w, int32_t x, int m)
{
	quota_terms t = quota_terms_unset();

	t.guaranteed.v[0] = term(w, x, m, "guaranteed_device_milli");
	t.limit.v[0] = term(w, x, m, "limit_device_milli");
	t.lend_limit.v[0] = term(w, x, m, "lend_limit_device_milli");
	t.borrow_limit.v[0] = term(w, x, m, "borrow_limit_device_milli");
	t.class_limit.v[0] = term(w, x, m, "class_limit_device_milli");
	if (x == 0)
		t.guaranteed.v[0] =
			realm_int(&w->r, "SELECT device_milli FROM model_capacity WHERE model = '%s'", models[m]);
	w->s.terms[x][m] = t;
	for (int i = 0; i < AXIS_COUNT; i++) {
		static const char *const axes[] = {"device_milli", "memory_mib", "compute_milli"};
		w->s.own_use[x][m].v[i] = realm_int(&w->r,
			"SELECT coalesce(sum(v), 0) FROM placement p, unnest(p.charge_models, p.charge_%s) AS u(model, v) WHERE p.tenant_key = %d AND model = '%s' AND ended_at IS NULL",
			axes[i], w->key_of[x], models[m]);
	}
	quota_set(w->q, w->handle_of[x], m, &t);
	quota_take(w->q, w->handle_of[x], m, w->s.own_use[x][m]);
}

/* The same tenants in the slow model and in a tree of their own, from what the database says of them now. */
static void world_read(world *w)
{
	w->n = (int32_t)realm_int(&w->r, "SELECT count(*) FROM tenant");
	w->s = (slow){.parent = {FLEET_NONE}};
	quota_free(w->q);
	w->q = quota_new();
	for (int32_t x = 0; x < w->n; x++) {
		w->key_of[x] =
			(int32_t)realm_int(&w->r, "SELECT key FROM tenant ORDER BY depth, key OFFSET %d LIMIT 1", x);
		int64_t up =
			realm_int(&w->r, "SELECT coalesce(parent_key, 0) FROM tenant WHERE key = %d", w->key_of[x]);
		const char *credits =
			realm_text(&w->r, "SELECT credits_limit FROM tenant WHERE key = %d", w->key_of[x]);
		w->s.is_live[x] = true;
		w->s.credits_limit[x] = QUOTA_UNSET;
		if (*credits)
			(void)str_to_i64(str_from(credits), &w->s.credits_limit[x]);
		for (int32_t y = 0; y < x; y++)
			if (w->key_of[y] == up)
				w->s.parent[x] = y;
		w->handle_of[x] = QUOTA_ROOT;
		if (x)
			cr_assert_eq(quota_add(w->q, w->handle_of[w->s.parent[x]], &w->handle_of[x]), ERR_OK);
	}
	for (int m = 0; m < SLOW_MODELS; m++) {
		w->s.rate[m] =
			realm_int(&w->r, "SELECT credit_rate_milli FROM device_class WHERE name = '%s'", models[m]);
		quota_set_rate(w->q, m, w->s.rate[m]);
	}
	for (int32_t x = 0; x < w->n; x++)
		for (int m = 0; m < SLOW_MODELS; m++)
			model_read(w, x, m);
}

static void totals_agree(world *w)
{
	for (int32_t x = 0; x < w->n; x++) {
		for (int m = 0; m < SLOW_MODELS; m++) {
			int64_t stored = realm_int(&w->r,
				"SELECT coalesce(sum(device_milli), 0) FROM tenant_use WHERE tenant_key = %d AND model = '%s'",
				w->key_of[x], models[m]);
			cr_assert_eq(stored, quota_used(w->q, w->handle_of[x], m).v[0], "tree, seed %lu", w->run);
			cr_assert(stored == slow_use(&w->s, x, m, 0), "slow model, seed %lu", w->run);
			cr_assert(quota_balance(w->q, w->handle_of[x], m).v[0] == slow_balance(&w->s, x, m, 0),
				"seed %lu", w->run);
		}
		cr_assert_eq(realm_int(&w->r, "SELECT credits_used(%d)", w->key_of[x]),
			quota_credits(w->q, w->handle_of[x]), "seed %lu", w->run);
	}
}

/* What victims left for those that made them go is charged to these already. */
static void claims_take(world *w)
{
	books *b = &w->r.placer->books;

	vec_each (c, &b->claims)
		for (uint32_t k = 0; k < (*c)->taken.n; k++)
			for (int32_t x = 0; x < w->n; x++)
				for (int m = 0; m < SLOW_MODELS; m++)
					if (w->key_of[x] == (*c)->owner->tenant_key &&
						str_eq(b->fleet.classes.v[k].name, str_from(models[m])))
						quota_take(w->q, w->handle_of[x], m, (*c)->taken.v[k]);
}

static void loans_agree(world *w)
{
	claims_take(w);
	for (int m = 0; m < SLOW_MODELS; m++) {
		quota_loans loans = {0};
		quota_loans_find(w->q, m, &loans);
		quota_loans_trim(w->q, m, &loans);
		int64_t sum = 0;
		vec_each (l, &loans)
			sum += l->a.v[0];
		cr_assert_eq(
			realm_int(&w->r, "SELECT coalesce(sum(device_milli), 0) FROM quota_loan WHERE model = '%s'",
				models[m]),
			sum, "loans of %s, seed %lu", models[m], w->run);
		vec_done(&loans);
	}
}

/* Growth in a batch without edits stays below what the quota names: above it stands only what stood there before. */
static void limits_hold(world *w, bool had_edits)
{
	if (had_edits)
		return;
	cr_assert_eq(
		realm_int(&w->r,
			"SELECT count(*) FROM tenant_use u JOIN quota q USING (tenant_key, model) LEFT JOIN use_before b USING (tenant_key, model) "
			"WHERE num_nonnulls(q.limit_device_milli, q.class_limit_device_milli) > 0 AND u.device_milli > greatest(least(q.limit_device_milli, q.class_limit_device_milli), coalesce(b.device_milli, 0))"),
		0, "seed %lu", w->run);
	cr_assert_eq(
		realm_int(&w->r,
			"SELECT count(*) FROM tenant t LEFT JOIN credits_before b USING (key) WHERE t.credits_limit IS NOT NULL AND credits_used(t.key) > greatest(t.credits_limit, coalesce(b.credits, 0))"),
		0, "seed %lu", w->run);
}

static void batch(world *w, bool with_edits, bool is_whole)
{
	realm_do(&w->r,
		"DELETE FROM use_before; INSERT INTO use_before SELECT * FROM tenant_use; DELETE FROM credits_before; INSERT INTO credits_before SELECT key, credits_used(key) FROM tenant");
	for (int i = 0; i < OPERATIONS; i++)
		operate(w, with_edits);
	realm_settle(&w->r);
	revoked_all(w);
	realm_tell(&w->r);
	cr_assert(!w->r.has_ended);
	world_read(w);
	totals_agree(w);
	loans_agree(w);
	limits_hold(w, with_edits);
	/* What ever was grows with each batch: looked at each time, it would take most of the whole. */
	const char *wrong = is_whole ? realm_check(&w->r) : realm_check_now(&w->r);
	cr_assert(!wrong, "%s, seed %lu", wrong ? wrong : "", w->run);
}

Test(placer_ledger, the_ledger_equals_the_tree_and_the_slow_model, .timeout = 3600)
{
	world w = {.run = seed_of_run()};
	int64_t batches = size_get("LEDGER_BATCHES");

	w.seed = w.run;
	printf("seed %lu, %ld batches of %d\n", (unsigned long)w.run, (long)batches, OPERATIONS);
	realm_open(&w.r, "ledger_random", NULL);
	realm_do(&w.r,
		"CREATE TABLE use_before (LIKE tenant_use); CREATE TABLE credits_before (key int4, credits int8)");
	realm_start(&w.r);
	realm_settle(&w.r);
	for (int64_t i = 0; i < batches; i++) {
		batch(&w, i % 2 == 1, i % WHOLE_EVERY == WHOLE_EVERY - 1 || i == batches - 1);
		if (i % 8 == 7) { /* a start in between finds the same */
			realm_stop(&w.r);
			realm_start(&w.r);
			cr_assert(placer_is_serving(w.r.placer));
		}
	}
	for (int i = 0; i < 3; i++) {
		release(&w, "");
		realm_settle(&w.r);
		revoked_all(&w);
		realm_settle(&w.r);
	}
	cr_expect_eq(
		realm_int(&w.r, "SELECT coalesce(sum(device_milli + memory_mib + compute_milli), 0) FROM tenant_use"),
		0);
	cr_expect_eq(realm_int(&w.r, "SELECT coalesce(sum(used_slots + used_memory_mib), 0) FROM device"), 0);
	quota_free(w.q);
	realm_close(&w.r);
}
