/* planner_inside: what the files of planner share: a question while it is in work. */
#pragma once
#include "db/lane.h"
#include "db/ledger.h"
#include "db/reader.h"
#include "server/edge/recognize.h"
#include "server/plan/plan.h"
#include "server/worker/planner.h"

enum { PLANNER_TEXT_MAX = 64 << 20, PLANNER_KINDS = 3 };

typedef struct question question;

struct planner {
	planner_options o;
	lane *lane;
	db_reader *reader;
	ledger *tenant_ledger, *platform_ledger;
	loop_timer *look;
	sql_ask_claim_in claim;
	str kinds[PLANNER_KINDS];
	question *now; /* NULL: none in work */
	bool is_claiming, is_closing;
};

/* One question in work. */
struct question {
	planner *p;
	arena *a;
	sql_ask_claim_row ask;
	void (*read)(question *q); /* what follows the reads in flight */
	uint32_t reading;
	err e;
	fault f;
	recognize caller; /* who applies, as of now */
	grants grants;    /* of whoever asks */
	str requester;    /* who applies, by subject, and all that they stand on */
	strs marks;
	db_scope scope;        /* of what is read for the plan */
	db_scope caller_scope; /* of whoever asks */
	sql_plan_work_row work;
	bool has_work;
	manifest manifest;
	plan_input in;
	planning *plan;
	sql_plan_scope_in scope_in;
	sql_plan_work_in work_in;
	sql_plan_tenants_in tenants_in;
	sql_plan_quotas_in quotas_in;
	sql_plan_managed_in managed_in;
	sql_plan_uses_in uses_in;
	sql_plan_bindings_in bindings_in;
	sql_plan_budgets_in budgets_in;
	sql_plan_raises_in raises_in;
	sql_plan_history_in history_in;
	sql_plan_live_in live_in;
	sql_plan_keys_in keys_in;
	sql_plan_history_row *history;
	sql_plan_live_row *live;
	uint32_t history_n, live_n;
	sql_plan_store_in store_in;
	ledger_op op;
	sql_ask_done_in done;
};

/* Writes the answer and ends the question; text absent: the edge reads the plan object_id names. */
void question_answer(question *q, int32_t status, str object_id, str text);
void question_fail(question *q, err e, const fault *f);
/* Fails it when q->e is set. */
bool question_failed(question *q);
/* What print writes, in the question's memory; q->e is set when it is too large. */
str question_text(question *q, void (*print)(question *q, buf *out));

/* planner_read.c: everything a plan is made from; question_planned goes on when it is there. */
void question_begin(question *q);
void question_planned(question *q);
