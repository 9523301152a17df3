/* placer_inside: what the files of placer share: the loop's state and the steps between them. */
#pragma once
#include "db/batch.h"
#include "db/sql.h"
#include "server/placer/load.h"
#include "server/placer/placer.h"
#include "server/placer/rows.h"

/* One deals with one thing at a time; what is asked of the database is answered before the next step. */
typedef enum placer_phase {
	PLACER_STANDBY, /* asks for the lead each second */
	PLACER_LOADING,
	PLACER_SERVING,
	PLACER_ENDED,
} placer_phase;

typedef enum turn_stage {
	STAGE_NONE,    /* no turn is open */
	STAGE_REVIEW,  /* inventory that governance moved */
	STAGE_REPORTS, /* reports and releases of the inbox */
	STAGE_WAITING, /* what waits and may fit now */
	STAGE_PLACES,  /* requests of the inbox */
	STAGE_READY,   /* to be committed; rows are built when it is sent first */
} turn_stage;

/* Which tables governance moved. */
enum {
	KIND_CLASSES = 1,
	KIND_TENANTS = 2,
	KIND_QUOTAS = 4,
	KIND_CLUSTERS = 8,
	KIND_CORDONS = 16,
	KIND_PRIORITIES = 32,
	KIND_POLICIES = 64,
	KIND_BUDGETS = 128,
	KIND_RESERVATIONS = 256,
	KIND_ALL = 511
};

enum { CARE_WHY_BYTES = 256 };

typedef struct inbox {
	arena *a;
	const sql_inbox_next_row *rows;
	uint32_t n, at;
	bool is_whole;    /* read from its beginning, not from the last marks on */
	bool was_checked; /* its tenants and clusters are known, or were asked for */
} inbox;

/* What the database refuses again after the books were built anew is sent row by row, and the row that it refuses alone
 * is put aside. */
typedef struct care {
	int32_t refused;   /* batches; what is committed between them need not be more than what arrived meanwhile */
	int32_t committed; /* since the last of them */
	int32_t rows;      /* so many are taken one at a time */
	int64_t seq;       /* the row to be put aside; 0: none */
	bool is_bare;      /* without telling of its placement: that was refused too */
	char why[CARE_WHY_BYTES];
} care;

struct placer {
	placer_options o;
	loop *loop;
	db_batcher *db;
	loop_timer *tick, *go;
	placer_phase phase;
	turn_stage stage;
	bool is_stopping;
	int stop_ticks; /* since then */
	bool rests;     /* it stepped down: others may lead first, and what made it do so is not met again at once */
	bool must_ask;  /* the session is new, or a commit's end is not known: the leader's row tells */
	bool wants_look, wants_audit, wants_whole_look;
	bool wants_reserve; /* a look at who has waited long */
	bool reads_whole;   /* the look at the inbox that is under way */
	int kinds;          /* to be loaded again */
	int moved;          /* how often in a row governance had moved before the commit */
	books books;
	load load;
	turn turn;
	turn_rows *rows; /* of the turn */
	head head;
	int64_t g_loaded; /* the last governance record that is known of */
	inbox inbox;
	care care;
	int64_t seq_high, seq_marks[2]; /* highest consumed: now, and as it was at the last ticks */
	int64_t sent_us, beat_us;
	uint64_t ticks, n_rests;
	struct {
		sql_leader_advance_in lead;
		sql_leader_beat_in beat;
		sql_inbox_next_in inbox;
		sql_feed_audit_in audit;
		sql_load_placements_in page;
		sql_load_history_in history;
	} in;
	db_call reads[BATCH_AFTER_MAX];
	uint32_t reads_n;
};

/* term.c: how it comes to lead, and how it stops leading. */
void term_ask(placer *p);
void term_step_down(placer *p, const char *reason);
void term_end(placer *p, int status);

/* serve.c: what is next. */
void serve_next(placer *p);
void serve_reads(placer *p); /* fills p->reads with what is wanted */
/* Takes the replies to p->reads, of which the first is replies[0]. False: the answers cannot be used. */
bool serve_take(placer *p, db_reply *replies);
void inbox_clear(inbox *i);

/* care.c: what the database refuses. */
void care_refused(placer *p, const db_verdict *v); /* the batch at hand was refused, and the placer steps down */
void care_committed(placer *p);                    /* it was committed */
void care_idle(placer *p);                         /* nothing is left to commit */
bool care_is_stuck(const placer *p);               /* refused, and nothing committed since */
/* Takes the row if it is to be put aside. */
bool care_take(placer *p, const sql_inbox_next_row *row);
/* The stage after this one in a turn of one row: such a turn does nothing else. STAGE_NONE: as always. */
turn_stage care_stage(const placer *p);

/* news.c: what governance moved. */
void news_read(placer *p); /* adds the look at its chain to p->reads */
bool news_take(placer *p, db_reply *r);
int news_moves(str kind);  /* what to load again when an object of this kind of the governance chain changed */
void news_load(placer *p); /* loads p->kinds */

/* commit.c */
void commit_send(placer *p);
void commit_ask(placer *p); /* what became of it */

/* One reply's rows; they live as long as a. NULL with *ret_n 0 when it holds none; false on an error. */
bool placer_rows(db_reply *r, arena *a, const void **ret_rows, uint32_t *ret_n);
