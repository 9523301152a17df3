#include "db/fault.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	err e;
	const char *pointer, *detail;
} constraints[] = {
#define C(name, id, pointer, detail) {#name, ERR_##id, pointer, detail},
#include "db/constraints.def"
#undef C
};

bool constraint_find(str name, err *ret_e, const char **ret_pointer, const char **ret_detail)
{
	for (size_t i = 0; i < sizeof(constraints) / sizeof(*constraints); i++) {
		if (str_eq(str_from(constraints[i].name), name)) {
			*ret_e = constraints[i].e;
			*ret_pointer = constraints[i].pointer;
			*ret_detail = constraints[i].detail;
			return true;
		}
	}
	return false;
}

/* A pattern is a whole SQLSTATE or its two letters of class. The first that fits wins. */
static const struct {
	const char *pattern;
	err e;
	const char *detail;
} states[] = {
	{"40001", ERR_DB_RETRY, "The database is busy with the same rows."},
	{"40P01", ERR_DB_RETRY, "The database is busy with the same rows."},
	{"55P03", ERR_DB_RETRY, "The database is busy with the same rows."},
	{STATE_STALE_PLAN, ERR_DB_RETRY, "The schema has changed."},
	{"57014", ERR_TIMEOUT, "The database took too long."},
	{"57", ERR_DB_RETRY, "The database is restarting."},
	{"08", ERR_CLOSED, "The database connection was lost."},
	{"53", ERR_UNAVAILABLE, "The database is out of resources."},
	{"RV001", ERR_FENCED, "An expectation of the statement did not hold."},
};

static void state_map(db_reply *r)
{
	for (size_t i = 0; i < sizeof(states) / sizeof(*states); i++) {
		if (strncmp(r->sqlstate, states[i].pattern, strlen(states[i].pattern)) == 0) {
			r->e = fault_set(&r->f, states[i].e, NULL, "%s", states[i].detail);
			return;
		}
	}
	r->e = fault_set(&r->f, ERR_DB, NULL, "The database refused the statement %s (%s).", sql_stmts[r->stmt].name,
		r->sqlstate);
}

void reply_fail(db_reply *r, const struct pg_result *res)
{
	const char *state = PQresultErrorField(res, PG_DIAG_SQLSTATE);
	const char *constraint = PQresultErrorField(res, PG_DIAG_CONSTRAINT_NAME);
	const char *pointer, *detail;
	snprintf(r->sqlstate, sizeof(r->sqlstate), "%s", state ? state : "08006");
	snprintf(r->constraint, sizeof(r->constraint), "%s", constraint ? constraint : "");
	if (constraint && constraint_find(str_from(constraint), &r->e, &pointer, &detail))
		r->e = fault_set(&r->f, r->e, pointer, "%s", detail);
	else
		state_map(r);
}

void reply_message(const db_reply *r, char *out, size_t n)
{
	const char *primary = r->res ? PQresultErrorField(r->res, PG_DIAG_MESSAGE_PRIMARY) : NULL;
	snprintf(out, n, "%s", primary ? primary : r->f.detail);
}

err err_for_client(err e)
{
	switch (e) {
	case ERR_DB:
	case ERR_FENCED:
		return ERR_INTERNAL;
	case ERR_DB_RETRY:
	case ERR_CLOSED:
	case ERR_TIMEOUT:
		return ERR_UNAVAILABLE;
	default:
		return e;
	}
}
