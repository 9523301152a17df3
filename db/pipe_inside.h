/* pipe_inside: what the two files of pipe share. */
#pragma once
#include <libpq-fe.h>
#include <string.h>

#include "base/vec.h"
#include "db/params.h"
#include "db/pipe.h"
#include "db/sql.h"

enum { SCOPE_TEXT_MAX = DB_SCOPE_KEYS_MAX * 12 + 4, NAMEDATALEN_MAX = 64 };

typedef enum pipe_state { PIPE_DOWN, PIPE_CONNECTING, PIPE_UP } pipe_state;

/* One answer that must come, in order. */
typedef enum awaited_kind { AWAIT_PREPARE, AWAIT_SCOPE, AWAIT_STMT, AWAIT_SYNC, AWAIT_SEG_END } awaited_kind;

typedef struct awaited {
	uint16_t kind, stmt;
} awaited;

struct db_pipe {
	loop *loop;
	db_options o;
	void (*on_up)(void *arg);
	void (*on_down)(void *arg, str why);
	void *arg;
	PGconn *pg;
	loop_watch *watch;
	loop_timer *timer; /* the pause, the connect timeout, the tick, or at once for a broken connection */
	int fd, watch_what;
	pipe_state state;
	bool was_up, is_broken, got_result;
	const char *drop_why;
	int64_t backoff_us, last_answer_us;
	db_seg *segs, *segs_tail, *building;
	size_t bytes;
	vec(awaited) awaited;
	uint32_t awaited_head, awaited_n; /* of awaited as a ring; its cap is a power of two */
	params params;
	buf scope;
	uint8_t prepared[]; /* by statement: asked for on this connection */
};

void pipe_lost(db_pipe *p, const char *why); /* tears down now: from the loop only */
void pipe_break(db_pipe *p);                 /* tears down soon */
void pipe_flush(db_pipe *p);
void pipe_pump(db_pipe *p, int what);
