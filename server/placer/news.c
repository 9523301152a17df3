#include "base/log.h"
#include "server/placer/placer_inside.h"

enum { AUDIT_ROWS = 1000 };

/* Which tables a record of the governance chain may have moved; one of a kind that is not here moves all. */
static const struct {
	const char *kind;
	int moves;
} kinds[] = {
	{"tenant", KIND_TENANTS | KIND_QUOTAS},
	{"quota", KIND_TENANTS | KIND_QUOTAS}, /* weight, credits and reclaim stand in the tenant */
	{"priority", KIND_PRIORITIES},
	{"quota_request", KIND_QUOTAS},
	{"raise_policy", 0},
	{"budget", KIND_BUDGETS},
	{"reservation", KIND_RESERVATIONS},
	{"device_class", KIND_CLASSES | KIND_QUOTAS} /* which share modes there are follows from them */,
	{"cluster", KIND_CLUSTERS},
	{"node", KIND_CORDONS},
	{"device", KIND_CORDONS},
	{"policy", KIND_POLICIES},
	/* Who may do what, and who they are: nothing that a placement is decided by. People sign in all day. */
	{"token", 0},
	{"session", 0},
	{"ci_token", 0},
	{"trust", 0},
	{"binding", 0},
	{"join_token", 0},
	{"certificate", 0},
	{"plan", 0},
};

int news_moves(str kind)
{
	for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
		if (str_eq(kind, str_from(kinds[i].kind)))
			return kinds[i].moves;
	return KIND_ALL;
}

void news_read(placer *p)
{
	p->in.audit = (sql_feed_audit_in){p->g_loaded, AUDIT_ROWS};
	p->reads[p->reads_n++] = (db_call){SQL_FEED_AUDIT, &p->in.audit};
	p->wants_audit = false;
}

bool news_take(placer *p, db_reply *r)
{
	AUTO_ARENA a = arena_new(0);
	const void *rows;
	uint32_t n;

	if (!placer_rows(r, a, &rows, &n)) {
		p->wants_audit = true;
		return false;
	}
	const sql_feed_audit_row *records = rows;
	for (uint32_t i = 0; i < n; i++) {
		if (str_eq(records[i].outcome, S("done")))
			p->kinds |= news_moves(records[i].object_kind);
		p->g_loaded = records[i].n;
	}
	if (n == AUDIT_ROWS)
		p->wants_audit = true;
	else if (!p->kinds)
		p->head.g_seen = p->g_loaded;
	return true;
}

/* In the order in which the tables stand on each other. */
static const struct {
	int kind;
	sql_id stmt;
} loads[] = {
	{KIND_CLASSES, SQL_LOAD_CLASSES},
	{KIND_PRIORITIES, SQL_LOAD_PRIORITIES},
	{KIND_TENANTS, SQL_LOAD_TENANTS},
	{KIND_QUOTAS, SQL_LOAD_QUOTAS},
	{KIND_POLICIES, SQL_LOAD_POLICIES},
	{KIND_CLUSTERS, SQL_LOAD_CLUSTERS},
	{KIND_CORDONS, SQL_LOAD_CORDONS},
	{KIND_BUDGETS, SQL_LOAD_BUDGETS},
	{KIND_RESERVATIONS, SQL_LOAD_RESERVATIONS},
};

static void loaded(void *arg, const db_verdict *v)
{
	placer *p = arg;
	bool is_whole = v->outcome == DB_COMMITTED;

	if (p->phase != PLACER_SERVING)
		return;
	for (uint32_t i = 0; is_whole && i < v->n; i++) {
		arena *a = arena_new(0);
		const void *rows;
		uint32_t n;
		is_whole = placer_rows(&v->replies[i], a, &rows, &n);
		if (is_whole)
			govern_table(&p->books, v->replies[i].stmt, rows, n);
		arena_end(a);
	}
	if (is_whole) {
		p->kinds = 0;
		p->head.g_seen = p->g_loaded;
	} else {
		p->must_ask = true;
	}
	serve_next(p);
}

void news_load(placer *p)
{
	p->reads_n = 0;
	for (size_t i = 0; i < sizeof loads / sizeof *loads; i++)
		if (p->kinds & loads[i].kind)
			p->reads[p->reads_n++] = (db_call){loads[i].stmt, NULL};
	batcher_run(p->db, DB_PLATFORM, NULL, 0, p->reads, p->reads_n, loaded, p);
}
