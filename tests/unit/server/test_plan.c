/* Plans without a server: an export plans to nothing, over random trees; fields and YAML in between. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

#include "json/write.h"
#include "server/identity/grant_text.h"
#include "server/plan/field.h"
#include "server/plan/plan.h"
#include "size.h"

enum {
	TENANTS_MAX = 40,
	MODELS = 3,
	MANIFEST_MAX = 8 << 20,
	NAMES = 5,
	SUBJECTS = 3,
	PERIODS = 3,
	DEPTH_MAX = 8,
	PATH_BYTES = 512
};

typedef struct world {
	arena *a;
	unsigned seed;
	sql_plan_tenants_row tenants[TENANTS_MAX];
	sql_plan_quotas_row quotas[TENANTS_MAX * MODELS];
	sql_plan_managed_row managed[2 * TENANTS_MAX];
	sql_plan_bindings_row bindings[TENANTS_MAX * SUBJECTS * 2];
	sql_plan_budgets_row budgets[TENANTS_MAX * PERIODS];
	sql_plan_models_row models[MODELS];
	plan_input in;
	grants grants;
	grant fleet;
	str everywhere;
} world;

static unsigned below(world *w, unsigned n)
{
	w->seed = w->seed * 1664525u + 1013904223u;
	return (w->seed >> 8) % n;
}

static const char *const models[MODELS] = {"h100-80g", "l40s", "ascend910b3.vir05"};

static int by_path(const void *x, const void *y)
{
	return str_cmp(((const sql_plan_tenants_row *)x)->path, ((const sql_plan_tenants_row *)y)->path);
}

static str labels_make(world *w)
{
	static const char *const texts[] = {"{}", "{\"team\":\"nlp\"}", "{\"a/b.c\":\"\\\"x\\\" \\u00e9\",\"z\":\"\"}"};

	return str_from(texts[below(w, 3)]);
}

static bool path_is_taken(const world *w, str path)
{
	for (uint32_t i = 0; i < w->in.tenants_n; i++)
		if (str_eq(w->tenants[i].path, path))
			return true;
	return false;
}

/* A tenant below another, or topmost. */
static void tenant_add(world *w)
{
	static const char *const names[NAMES] = {"a", "a-b", "b", "c1", "zz"};
	static const char *const words[] = {"", "plain", "a \"quoted\"\nline, \xc3\xa9"};
	uint32_t i = w->in.tenants_n;
	const sql_plan_tenants_row *up = i && below(w, 4) ? &w->tenants[below(w, i)] : NULL;
	const char *name = names[below(w, NAMES)];
	str path = up ? str_print(w->a, STR_FMT "/%s", STR_ARG(up->path), name) : str_from(name);
	uint32_t depth = 1;

	for (uint32_t k = 0; k < path.n; k++)
		depth += path.p[k] == '/';
	if (depth > DEPTH_MAX || path_is_taken(w, path))
		return;
	w->tenants[i] = (sql_plan_tenants_row){.key = i + 3,
		.id = str_print(w->a, "tnt_%u", i),
		.quota_id = str_print(w->a, "quo_%u", i),
		.parent_key = up ? up->key : 1,
		.path = path,
		.description = str_from(words[below(w, 3)]),
		.labels = labels_make(w),
		.weight = below(w, 2) ? 1000 : below(w, 5000),
		.credits_limit = below(w, 100),
		.credits_limit_null = below(w, 2),
		.reclaim_after_s_null = true,
		.reclaim_grace_s_null = true};
	if (below(w, 4) == 0) {
		w->tenants[i].reclaim_after_s_null = w->tenants[i].reclaim_grace_s_null = false;
		w->tenants[i].reclaim_after_s = below(w, 600);
	}
	w->in.tenants_n++;
}

static void amount(world *w, int64_t *v, bool *is_null)
{
	*is_null = below(w, 3) != 0;
	*v = below(w, 1000);
}

static void quotas_add(world *w, const sql_plan_tenants_row *t)
{
	for (int m = 0; m < MODELS; m++) {
		if (below(w, 2))
			continue;
		sql_plan_quotas_row *q = &w->quotas[w->in.quotas_n++];
		*q = (sql_plan_quotas_row){.tenant_key = t->key, .model = str_from(models[m])};
		amount(w, &q->guaranteed_device_milli, &q->guaranteed_device_milli_null);
		amount(w, &q->guaranteed_memory_mib, &q->guaranteed_memory_mib_null);
		amount(w, &q->guaranteed_compute_milli, &q->guaranteed_compute_milli_null);
		amount(w, &q->limit_device_milli, &q->limit_device_milli_null);
		amount(w, &q->limit_memory_mib, &q->limit_memory_mib_null);
		amount(w, &q->limit_compute_milli, &q->limit_compute_milli_null);
		amount(w, &q->lend_limit_device_milli, &q->lend_limit_device_milli_null);
		amount(w, &q->lend_limit_memory_mib, &q->lend_limit_memory_mib_null);
		amount(w, &q->lend_limit_compute_milli, &q->lend_limit_compute_milli_null);
		amount(w, &q->borrow_limit_device_milli, &q->borrow_limit_device_milli_null);
		amount(w, &q->borrow_limit_memory_mib, &q->borrow_limit_memory_mib_null);
		amount(w, &q->borrow_limit_compute_milli, &q->borrow_limit_compute_milli_null);
		amount(w, &q->class_limit_device_milli, &q->class_limit_device_milli_null);
		amount(w, &q->class_limit_memory_mib, &q->class_limit_memory_mib_null);
		amount(w, &q->class_limit_compute_milli, &q->class_limit_compute_milli_null);
	}
}

/* Some objects are somebody's: what they said last need not be what is. */
static void managed_add(world *w, const sql_plan_tenants_row *t)
{
	static const char *const managers[] = {"git", "hand", "export"};

	for (int k = 0; k < 2; k++)
		if (below(w, 2))
			w->managed[w->in.managed_n++] = (sql_plan_managed_row){.kind = k ? S("quota") : S("tenant"),
				.object_id = k ? t->quota_id : t->id,
				.tenant_key = t->key,
				.path = t->path,
				.manager = str_from(managers[below(w, 3)]),
				.is_made = below(w, 2),
				.last_applied = k ? S("{\"weight\":7}") : S("{\"description\":\"old\"}"),
				.adopted = S("{}")};
}

/* Some of them have an end, which no manifest tells of. */
static void bindings_add(world *w, const sql_plan_tenants_row *t)
{
	static const char *const subjects[SUBJECTS] = {"group:ops", "service:ci \"x\"", "user:\xc3\xa9"};
	static const char *const held[] = {"member", "viewer"};

	for (int k = 0; k < SUBJECTS * 2; k++)
		if (below(w, 3) == 0) {
			uint32_t i = w->in.bindings_n++;
			w->bindings[i] = (sql_plan_bindings_row){.tenant_key = t->key,
				.id = str_print(w->a, "bnd_%u", i),
				.subject = str_from(subjects[k / 2]),
				.role = str_from(held[k % 2]),
				.expires_at = 7,
				.expires_at_null = below(w, 3)};
		}
}

static void budgets_add(world *w, const sql_plan_tenants_row *t)
{
	static const char *const periods[PERIODS] = {"day", "month", "week"};

	for (int k = 0; k < PERIODS; k++)
		if (below(w, 3) == 0) {
			uint32_t i = w->in.budgets_n++;
			w->budgets[i] = (sql_plan_budgets_row){.tenant_key = t->key,
				.id = str_print(w->a, "bgt_%u", i),
				.period = str_from(periods[k]),
				.description = below(w, 2) ? S("") : S("a \"b\""),
				.amount = below(w, 5),
				.thresholds = below(w, 2) ? S("[]") : S("[50,80]"),
				.action = below(w, 2) ? S("notify") : S("block_new")};
		}
}

static void world_make(world *w, arena *a, unsigned seed)
{
	*w = (world){.a = a, .seed = seed, .everywhere = S("")};
	for (unsigned i = 0, n = 1 + below(w, TENANTS_MAX); i < n; i++)
		tenant_add(w);
	qsort(w->tenants, w->in.tenants_n, sizeof(*w->tenants), by_path);
	for (uint32_t i = 0; i < w->in.tenants_n; i++) {
		quotas_add(w, &w->tenants[i]);
		bindings_add(w, &w->tenants[i]);
		budgets_add(w, &w->tenants[i]);
		managed_add(w, &w->tenants[i]);
	}
	for (int m = 0; m < MODELS; m++)
		w->models[m].model = str_from(models[m]);
	w->fleet = (grant){.tenant_key = 1, .tenant = S(""), .rights = ~(uint64_t)0};
	w->grants = (grants){&w->fleet, 1};
	w->in.seen = (strs){&w->everywhere, 1};
	w->in.grants = &w->grants;
	w->in.tenants = w->tenants;
	w->in.quotas = w->quotas;
	w->in.managed = w->managed;
	w->in.bindings = w->bindings;
	w->in.budgets = w->budgets;
	w->in.models = w->models;
	w->in.models_n = MODELS;
}

static planning *plan_of(world *w, str json)
{
	static manifest m;
	planning *p = NULL;
	fault f = {0};

	cr_assert_eq(manifest_read(json, w->a, &m, &f), ERR_OK, "%s %s in " STR_FMT, f.pointer, f.detail,
		STR_ARG(str_cut(json, 0, 4000)));
	w->in.want = &m;
	w->in.manifest = json;
	cr_assert_eq(plan_begin(w->a, &w->in, &p, &f), ERR_OK, "%s %s", f.pointer, f.detail);
	sql_plan_live_in live;
	plan_wants_live(p, &live);
	plan_finish(p, NULL, 0, NULL, 0);
	return p;
}

static str export_of(world *w, str top)
{
	manifest none = {.manager = S("")};
	buf out;

	buf_init(&out, MANIFEST_MAX);
	w->in.want = &none;
	manifest_print(w->a, &w->in, top, STR_NONE, &out);
	str json = str_dup(w->a, buf_str(&out));
	buf_done(&out);
	return json;
}

static str changes_of(world *w, const planning *p)
{
	buf out;

	buf_init(&out, MANIFEST_MAX);
	plan_print_changes(p, &out);
	str text = str_dup(w->a, buf_str(&out));
	buf_done(&out);
	return text;
}

Test(plan, of_an_export_is_empty)
{
	int64_t cases = size_get("PROPERTY_CASES") / 4;
	world *w = calloc(1, sizeof(*w));

	for (unsigned seed = 1; seed <= cases; seed++) {
		AUTO_ARENA a = arena_new(256 << 20);
		world_make(w, a, seed);
		str top = below(w, 2) ? S("") : w->tenants[below(w, w->in.tenants_n)].path;
		str json = export_of(w, top);
		const planning *p = plan_of(w, json);
		const plan_summary *s = plan_counts(p);
		cr_assert_eq(plan_outcome(p), PLAN_NONE, "seed %u: " STR_FMT "\n" STR_FMT, seed, STR_ARG(json),
			STR_ARG(changes_of(w, p)));
		cr_assert_eq(s->create + s->update + s->delete + s->drift + s->blocked, 0, "seed %u", seed);
	}
	free(w);
}

Test(plan, of_an_export_that_was_changed_is_that_change)
{
	int64_t cases = size_get("PROPERTY_CASES") / 4;
	world *w = calloc(1, sizeof(*w));

	for (unsigned seed = 1; seed <= cases; seed++) {
		AUTO_ARENA a = arena_new(256 << 20);
		world_make(w, a, seed);
		w->in.managed_n = 0;
		str json = export_of(w, S(""));
		sql_plan_tenants_row *t = &w->tenants[below(w, w->in.tenants_n)];
		bool was_plain = str_eq(t->description, S("plain"));
		t->description = was_plain ? S("other") : S("plain");
		const planning *p = plan_of(w, json);
		/* A description that was empty was not named, and is nobody's business. */
		bool is_named = was_plain || memmem(json.p, json.n, "quoted", 6);
		if (!is_named)
			continue;
		str said = changes_of(w, p);
		const plan_summary *s = plan_counts(p);
		cr_assert(s->update <= 1 && s->create + s->delete + s->blocked == 0, "seed %u: " STR_FMT, seed,
			STR_ARG(said));
	}
	free(w);
}

/* Children below "a" with what tell writes of each. */
static str family(world *w, uint32_t n, void (*tell)(buf *out, uint32_t i))
{
	buf out;

	buf_init(&out, MANIFEST_MAX);
	buf_printf(&out, "{\"manager\":\"m\",\"tenants\":{\"a\":{\"tenants\":{");
	for (uint32_t i = 0; i < n; i++) {
		buf_printf(&out, "%s\"t%u\":{\"quota\":{", i ? "," : "", i);
		tell(&out, i);
		buf_printf(&out, "}}");
	}
	buf_printf(&out, "}}}}");
	str json = str_dup(w->a, buf_str(&out));
	cr_assert_not(out.over);
	buf_done(&out);
	return json;
}

static void modes_tell(buf *out, uint32_t i)
{
	buf_printf(out, "\"classes\":{");
	for (uint32_t k = 0; k < 64; k++)
		buf_printf(out, "%s\"l40s.m%u\":{\"limit\":{\"device_milli\":1}}", k ? "," : "", i * 64 + k);
	buf_printf(out, "}");
}

static void bare(world *w, arena *a)
{
	world_make(w, a, 1);
	w->in.tenants_n = w->in.quotas_n = w->in.managed_n = w->in.bindings_n = w->in.budgets_n = 0;
}

/* Each share mode of each child was looked for in all children before, for half an hour: a viewer's manifest of three
 * megabytes kept the worker from everything else. */
Test(plan, what_is_not_promised_is_not_summed_up, .timeout = 120)
{
	AUTO_ARENA a = arena_new(1 << 30);
	world *w = calloc(1, sizeof(*w));

	bare(w, a);
	const planning *p = plan_of(w, family(w, 500, modes_tell));
	cr_expect_eq(plan_outcome(p), PLAN_CHANGES);
	cr_expect_eq(plan_counts(p)->create, 1001);
	free(w);
}

Test(fields, come_back_as_they_were_stored)
{
	AUTO_ARENA a = arena_new(0);
	fields all = {0};

	fields_add_text(&all, a, S("labels.a/b.c"), S("x \"y\""));
	fields_add_i64(&all, a, S("models.m.limit.device_milli"), 5);
	fields_add(&all, a, S("labels"), S("null"));
	fields_sort(&all);
	fields back = fields_read(fields_json(&all, a), a);
	cr_assert_eq(back.n, all.n);
	for (uint32_t i = 0; i < all.n; i++) {
		cr_expect(str_eq(back.v[i].path, all.v[i].path));
		cr_expect(str_eq(back.v[i].value, all.v[i].value));
	}
	cr_expect(str_eq(field_text(fields_find(&back, S("labels.a/b.c")), a), S("x \"y\"")));
	cr_expect_eq(field_i64(fields_find(&back, S("models.m.limit.device_milli")), -1), 5);
	cr_expect_not(fields_find(&back, S("labels.a")).p);
}

Test(grants, come_back_from_their_text)
{
	AUTO_ARENA a = arena_new(0);
	grant v[] = {{.tenant_key = 1, .tenant = S(""), .rights = ~(uint64_t)0, .until_us = GRANT_FOREVER},
		{.tenant_key = 7, .tenant = S("a/b"), .rights = 5, .until_us = 1234567890123456}};
	grants back = grants_of_text(a, grants_text(a, &(grants){v, 2}));

	cr_assert_eq(back.n, 2);
	for (uint32_t i = 0; i < 2; i++) {
		cr_expect(str_eq(back.v[i].tenant, v[i].tenant));
		cr_expect(back.v[i].tenant_key == v[i].tenant_key && back.v[i].rights == v[i].rights &&
			  back.v[i].until_us == v[i].until_us);
	}
	cr_expect_eq(grants_of_text(a, S("x y z\n")).n, 0);
}
