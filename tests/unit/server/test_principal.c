/* What a caller holds: grants that meet, claims of layers, keys with rights of their own, addresses, and the memory of
 * an edge. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "server/identity/principal.h"
#include "size.h"

enum { TREE = 40, LIST_MAX = 6, NOW = 1000 };

static grant at(const char *path, int32_t key, uint64_t rights)
{
	return (grant){.tenant = str_from(path), .tenant_key = key, .rights = rights, .until_us = GRANT_FOREVER};
}

Test(grant, a_path_covers_itself_and_what_lies_below)
{
	static const struct {
		const char *above, *below;
		bool covers;
	} rows[] = {
		{"", "", true},
		{"", "acme", true},
		{"acme", "acme", true},
		{"acme", "acme/research", true},
		{"acme", "acme2", false},
		{"acme/research", "acme", false},
		{"acme", "umbra", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_eq(path_covers(str_from(rows[i].above), str_from(rows[i].below)), rows[i].covers, "%s %s",
			rows[i].above, rows[i].below);
}

Test(grant, a_platform_role_counts_at_the_root_alone_and_an_unknown_one_nowhere)
{
	cr_expect_neq(grant_of_role(S("platform_admin"), 1, S(""), 0, S("")).rights, 0);
	cr_expect_eq(grant_of_role(S("platform_admin"), 2, S("acme"), 0, S("")).rights, 0);
	cr_expect_neq(grant_of_role(S("member"), 2, S("acme"), 0, S("")).rights, 0);
	cr_expect_eq(grant_of_role(S("king"), 1, S(""), 0, S("")).rights, 0);
}

/* Paths of a random tree; parents come before their children. */
static void tree_make(char paths[TREE][64])
{
	paths[0][0] = '\0';
	for (int i = 1; i < TREE; i++) {
		int up = rand() % i;
		if (strlen(paths[up]) > 40)
			up = 0;
		char parent[64];
		memcpy(parent, paths[up], sizeof(parent));
		snprintf(paths[i], 64, "%.50s%st%d", parent, up ? "/" : "", i);
	}
}

static grants list_make(arena *a, char paths[TREE][64])
{
	grants g = {ARENA_ARRAY(a, grant, LIST_MAX), (uint32_t)(rand() % LIST_MAX)};

	for (uint32_t i = 0; i < g.n; i++) {
		int node = rand() % TREE;
		g.v[i] = at(paths[node], node + 1, (uint64_t)rand() & 0xff);
		g.v[i].until_us = rand() % 2 ? GRANT_FOREVER : rand() % 10;
	}
	return g;
}

static grants alive(arena *a, const grants *g, int64_t now_us)
{
	grants left = {ARENA_ARRAY(a, grant, g->n + 1), 0};

	for (uint32_t i = 0; i < g->n; i++)
		if (g->v[i].until_us > now_us)
			left.v[left.n++] = g->v[i];
	return left;
}

/* Node by node and moment by moment, what two lists meet in is what both hold. */
Test(grant, lists_meet_in_what_both_hold)
{
	int64_t cases = size_get("PROPERTY_CASES");

	srand(4);
	for (int64_t c = 0; c < cases; c++) {
		AUTO_ARENA a = arena_new(0);
		char paths[TREE][64];
		tree_make(paths);
		grants x = list_make(a, paths), y = list_make(a, paths), met;
		cr_assert_eq(grants_meet(a, &x, &y, &met), ERR_OK);
		int64_t now = rand() % 10;
		grants xs = alive(a, &x, now), ys = alive(a, &y, now), ms = alive(a, &met, now);
		for (int i = 0; i < TREE; i++) {
			str path = str_from(paths[i]);
			cr_assert_eq(grants_at(&ms, path), grants_at(&xs, path) & grants_at(&ys, path),
				"case %lld at %s", (long long)c, paths[i]);
		}
	}
}

/* Long lists are shortened by what others cover; nothing is lost by that, and too many are refused. */
Test(grant, long_lists_stay_bounded)
{
	AUTO_ARENA a = arena_new(0);
	grants x = {ARENA_ARRAY(a, grant, GRANTS_MAX + 1), 100}, y = {ARENA_ARRAY(a, grant, GRANTS_MAX + 1), 100}, met;
	char *names = ARENA_ARRAY(a, char, (GRANTS_MAX + 1) * 8);

	for (uint32_t i = 0; i <= GRANTS_MAX; i++) {
		snprintf(names + i * 8, 8, "t%u", i);
		x.v[i] = y.v[i] = at(names + i * 8, (int32_t)i + 2, 0xf);
	}
	y.v[0] = at("", 1, 0xff);
	cr_assert_eq(grants_meet(a, &x, &y, &met), ERR_OK);
	cr_expect_eq(met.n, 100);
	x.n = GRANTS_MAX + 1;
	cr_expect_eq(grants_meet(a, &x, &y, &met), ERR_LIMIT);
}

Test(subject, has_a_kind_and_a_name)
{
	static const struct {
		const char *text;
		bool is_fine;
	} rows[] = {
		{"user:ada", true},
		{"group:GPU team / Paris", true},
		{"service:ci", true},
		{"user:ada@example.com", true},
		{"user:", false},
		{"ada", false},
		{"trust:trs_1", false},
		{"user: ada", false},
		{"user:ada ", false},
		{"user:a\nb", false},
		{"user:\xff", false},
		{"User:ada", false},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		cr_expect_eq(subject_is_fine(str_from(rows[i].text)), rows[i].is_fine, "%s", rows[i].text);
}

Test(cidr, holds_the_addresses_of_its_range)
{
	static const struct {
		const char *range, *address;
		bool holds;
	} rows[] = {
		{"10.0.0.0/8", "10.200.0.1", true},
		{"10.0.0.0/8", "11.0.0.1", false},
		{"192.0.2.7", "192.0.2.7", true},
		{"192.0.2.7", "192.0.2.6", false},
		{"192.0.2.0/25", "192.0.2.127", true},
		{"192.0.2.0/25", "192.0.2.128", false},
		{"0.0.0.0/0", "203.0.113.9", true},
		{"0.0.0.0/0", "2001:db8::1", false},
		{"2001:db8::/32", "2001:db8:7::1", true},
		{"2001:db8::/32", "2001:db9::1", false},
		{"10.0.0.0/8", "::ffff:10.1.2.3", true},
		{"10.0.0.0/8", "::a00:1", false},
		{"10.0.0.0/8", "", false},
		{"10.0.0.0/8", "localhost", false},
	};
	static const char *const wrong[] = {"", "10.0.0.0/33", "10.0.0.1/8", "10.0.0.0/", "10.0.0.0/-1", "10.0.0/8",
		"2001:db8::/129", "2001:db8::1/32", "example.com", "10.0.0.0/8/8", "10.0.0.0/08"};
	cidr c;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_assert(cidr_parse(str_from(rows[i].range), &c), "%s", rows[i].range);
		cr_expect_eq(cidr_holds(&c, str_from(rows[i].address)), rows[i].holds, "%s in %s", rows[i].address,
			rows[i].range);
	}
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++)
		cr_expect_not(cidr_parse(str_from(wrong[i]), &c), "%s", wrong[i]);
}

Test(cidr, covers_what_lies_inside_it_and_says_its_own_name)
{
	static const struct {
		const char *a, *b;
		bool covers;
	} rows[] = {
		{"10.0.0.0/8", "10.0.0.0/8", true},
		{"10.0.0.0/8", "10.1.0.0/16", true},
		{"10.1.0.0/16", "10.0.0.0/8", false},
		{"10.0.0.0/8", "11.0.0.0/16", false},
		{"0.0.0.0/0", "192.0.2.7", true},
		{"0.0.0.0/0", "2001:db8::/32", false},
		{"::/0", "192.0.2.0/24", true},
		{"2001:db8::/32", "2001:db8:1::/48", true},
	};
	AUTO_ARENA mem = arena_new(0);
	cidr a, b;

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		cr_assert(cidr_parse(str_from(rows[i].a), &a) && cidr_parse(str_from(rows[i].b), &b));
		cr_expect_eq(cidr_covers(&a, &b), rows[i].covers, "%s in %s", rows[i].b, rows[i].a);
		str text = cidr_text(&b, mem);
		cr_expect(cidr_parse(text, &a) && memcmp(&a, &b, sizeof(a)) == 0, "%s is told as " STR_FMT, rows[i].b,
			STR_ARG(text));
	}
}

static bound held_by(const char *subject, const char *role, int32_t key, const char *path, int64_t until_us)
{
	return (bound){str_from(subject), grant_of_role(str_from(role), key, str_from(path), until_us, S("bnd_1"))};
}

/* A person's rights are those of their own bindings and of their groups', and of nobody else's. */
Test(claim, a_session_holds_what_its_subjects_are_bound_to)
{
	AUTO_ARENA a = arena_new(0);
	str group = S("group:gpu");
	claim c = claim_begin(a, S("ses_1"), S("user:ada"), (strs){&group, 1}, (grants){0}, 5000);
	const bound held[] = {
		held_by("user:ada", "viewer", 2, "acme", GRANT_FOREVER),
		held_by("group:gpu", "member", 3, "acme/research", 4000),
		held_by("user:bob", "tenant_owner", 2, "acme", GRANT_FOREVER),
		held_by("user:ada", "tenant_owner", 2, "acme", NOW),
	};
	principal *p = NULL;

	cr_assert_eq(claim_subjects(a, &c).n, 2);
	cr_assert_eq(principal_make(&c, held, 4, NOW, &p), ERR_OK);
	cr_expect_eq(p->grants.n, 2);
	cr_expect_eq(p->until_us, 4000);
	cr_expect_eq(p->expires_at_us, 5000);
	cr_expect(rights_hold(grants_at(&p->grants, S("acme/research")), RIGHT_PLACEMENT_WRITE));
	cr_expect_not(rights_hold(grants_at(&p->grants, S("acme")), RIGHT_PLACEMENT_WRITE));
	cr_expect_not(rights_hold(p->rights, RIGHT_TENANT_WRITE));
	cr_expect(principal_stands_on(p, S("group:gpu")) && principal_stands_on(p, S("ses_1")));
	cr_expect_not(principal_stands_on(p, S("user:bob")));
	principal_unref(p);
}

/* What layers hold is what each of them holds; a layer that holds nothing leaves nothing. */
Test(claim, every_layer_must_grant)
{
	AUTO_ARENA a = arena_new(0);
	grant own = at("acme", 2, 0xf0), maker = at("acme/research", 3, 0x3c);
	claim c = claim_begin(a, S("tok_1"), STR_NONE, (strs){0}, (grants){&own, 1}, 5000);
	principal *p = NULL;

	c.layers[c.n_layers++] = (claim_layer){.grants = {&maker, 1}};
	cr_assert_eq(principal_make(&c, NULL, 0, NOW, &p), ERR_OK);
	cr_assert_eq(p->grants.n, 1);
	cr_expect_eq(p->grants.v[0].rights, 0x30);
	cr_expect(str_eq(p->grants.v[0].tenant, S("acme/research")));
	cr_expect_eq(p->tenant_key, 3, "its records stand where its only grant is");
	principal_unref(p);
	c.layers[c.n_layers++] = (claim_layer){0};
	cr_assert_eq(principal_make(&c, NULL, 0, NOW, &p), ERR_OK);
	cr_expect_eq(p->grants.n, 0);
	cr_expect_eq(p->rights, 0);
	principal_unref(p);
}

static principal *two_grants(void)
{
	AUTO_ARENA a = arena_new(0);
	static const tenant_below below[] = {{9, 3, false}, {3, 3, false}, {7, 7, false}, {9, 7, false}};
	grant v[] = {at("acme", 3, 1u << RIGHT_TENANT_READ), at("acme/x", 7, 1u << RIGHT_QUOTA_READ)};
	claim c = claim_begin(a, S("tok_1"), STR_NONE, (strs){0}, (grants){v, 2}, 5000);
	principal *p = NULL;

	cr_assert_eq(principal_make(&c, NULL, 0, NOW, &p), ERR_OK);
	cr_assert_eq(principal_tops(a, p).n, 2);
	cr_expect_not(principal_sees(p, 3), "before its scope is read it sees nothing");
	principal_keys_set(p, below, 4);
	return p;
}

Test(principal, rights_differ_by_tenant)
{
	principal *p = two_grants();

	for (int32_t k = 0; k < 12; k++)
		cr_expect_eq(principal_sees(p, k), k == 3 || k == 7 || k == 9, "%d", k);
	for (int32_t k = 0; k < 12; k++)
		cr_expect_eq(principal_holds(p, RIGHT_QUOTA_READ, k), k == 7 || k == 9, "%d", k);
	db_scope scope = principal_scope(p, RIGHT_QUOTA_READ);
	cr_expect_eq(scope.kind, DB_SCOPE_TENANTS);
	cr_expect(scope.n == 2 && scope.keys[0] == 7 && scope.keys[1] == 9);
	cr_expect_eq(principal_scope(p, RIGHT_SELF).n, 3);
	cr_expect_eq(principal_scope(p, RIGHT_TENANT_WRITE).n, 0);
	principal_unref(p);
}

/* Of what was deleted its records and its use are left, and nothing that stands. */
Test(principal, sees_of_a_tenant_that_is_gone_only_what_was)
{
	AUTO_ARENA a = arena_new(0);
	static const tenant_below below[] = {{3, 3, false}, {9, 3, true}};
	uint64_t all = 1u << RIGHT_AUDIT_READ | 1u << RIGHT_USAGE_READ | 1u << RIGHT_PLACEMENT_READ;
	grant v[] = {at("acme", 3, all)};
	claim c = claim_begin(a, S("tok_1"), STR_NONE, (strs){0}, (grants){v, 1}, 5000);
	principal *p = NULL;

	cr_assert_eq(principal_make(&c, NULL, 0, NOW, &p), ERR_OK);
	principal_keys_set(p, below, 2);
	cr_expect_eq(p->n_gone, 1);
	cr_expect_eq(principal_scope(p, RIGHT_AUDIT_READ).n, 2);
	cr_expect_eq(principal_scope(p, RIGHT_USAGE_READ).n, 2);
	cr_expect_eq(principal_scope(p, RIGHT_PLACEMENT_READ).n, 1);
	cr_expect(principal_sees(p, 9), "the record of its end is shown to who watches");
	principal *copy = principal_copy(p);
	principal_learn(copy, 12, S("acme/new"));
	cr_expect_eq(principal_scope(copy, RIGHT_PLACEMENT_READ).n, 2);
	cr_expect_eq(principal_scope(copy, RIGHT_AUDIT_READ).n, 3);
	principal_unref(copy);
	principal_unref(p);
}

Test(principal, learns_tenants_made_below_its_grants)
{
	principal *p = two_grants(), *copy = principal_copy(p);

	cr_expect_eq(principal_scope(copy, RIGHT_TENANT_READ).n, 2);
	principal_learn(copy, 20, S("acme/x/new"));
	principal_learn(copy, 21, S("umbra"));
	cr_expect(principal_holds(copy, RIGHT_QUOTA_READ, 20) && principal_holds(copy, RIGHT_TENANT_READ, 20));
	cr_expect_not(principal_sees(copy, 21));
	cr_expect_eq(principal_scope(copy, RIGHT_TENANT_READ).n, 3, "scopes made before are made anew");
	cr_expect_not(principal_sees(p, 20), "the copy is its own");
	principal_unref(p);
	cr_expect(str_eq(copy->grants.v[0].tenant, S("acme")), "and outlives the other");
	principal_unref(copy);
}

Test(principal, holds_for_the_fleet_what_it_holds_at_the_root)
{
	AUTO_ARENA a = arena_new(0);
	grant v[] = {at("", FLEET_KEY, 1u << RIGHT_TENANT_READ), at("acme", 3, 1u << RIGHT_QUOTA_READ)};
	claim c = claim_begin(a, S("tok_1"), STR_NONE, (strs){0}, (grants){v, 2}, 5000);
	principal *p = NULL;

	cr_assert_eq(principal_make(&c, NULL, 0, NOW, &p), ERR_OK);
	i64s tops = principal_tops(a, p);
	cr_assert(tops.n == 1 && tops.v[0] == 3, "what the whole fleet grants needs no keys");
	cr_expect(principal_sees(p, 77));
	cr_expect_eq(principal_scope(p, RIGHT_TENANT_READ).kind, DB_SCOPE_PLATFORM);
	cr_expect_eq(principal_scope(p, RIGHT_QUOTA_READ).kind, DB_SCOPE_TENANTS);
	principal_unref(p);
}

Test(principal, is_remembered_for_its_time_and_no_longer)
{
	principals *all = principals_new();
	principal *p = principal_new();

	memcpy(p->id, "tok_1", sizeof("tok_1"));
	p->read_us = 1000;
	principals_put(all, p);
	principal *found = principals_find(all, S("tok_1"), 1000 + PRINCIPAL_TTL_US - 1, NOW);
	cr_expect_eq(found, p);
	principal_unref(found);
	cr_expect_null(principals_find(all, S("tok_1"), 1000 + PRINCIPAL_TTL_US, NOW));
	p->until_us = NOW + 1;
	principals_put(all, p);
	principal_unref(principals_find(all, S("tok_1"), 1000, NOW));
	cr_expect_null(principals_find(all, S("tok_1"), 1000, NOW + 1), "a grant of it has ended");
	principals_put(all, p);
	principals_clear(all);
	cr_expect_null(principals_find(all, S("tok_1"), 1000, NOW));
	principal_unref(p);
	principals_free(all);
}
