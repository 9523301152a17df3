#include "server/edge/export.h"

#include <stdlib.h>

#include "base/heap.h"
#include "base/log.h"
#include "db/sql.h"
#include "server/audit/columns.h"
#include "server/edge/edge.h"
#include "server/edge/permit.h"
#include "server/edge/problem.h"

enum { PAGE_ROWS = 250, STRETCH = 20000, LINE_BYTES_MAX = 64 << 20 };

typedef struct export
{
	edge *edge;
	web_stream *stream;
	principal *who; /* owns the scope's keys */
	arena *arena;   /* of the filters */
	char chain;
	sql_id stmt;
	void *in;
	int64_t after, upto, left;
	int64_t reach; /* the stretch that is read */
	arena *page;
	db_reply reply;
	uint32_t row;
	bool is_reading, is_over;
	buf line;
}
export;

static void page_ask(export *x);

static void export_free(export *x)
{
	buf_done(&x->line);
	arena_end(x->page);
	arena_end(x->arena);
	principal_unref(x->who);
	free(x);
}

/* The stream is gone; the memory too, unless a read is under way. */
static void export_over(export *x)
{
	x->is_over = true;
	x->edge->streams--;
	if (!x->is_reading)
		export_free(x);
}

static void checkpoint_line(export *x, uint32_t i)
{
	static const char *const members[] = {"checkpoint", "signature", "frontier"};

	for (size_t k = 0; k < sizeof(members) / sizeof(*members); k++) {
		const char *quote = k ? "\"" : "";
		buf_printf(&x->line, "%c\"%s\":%s", k ? ',' : '{', members[k], quote);
		buf_add_str(&x->line, db_text(&x->reply, i, members[k]));
		buf_add_str(&x->line, str_from(quote));
	}
	buf_add_str(&x->line, S("}\n"));
}

static void record_line(export *x, uint32_t i)
{
	const char *wrong = columns_wrong(x->chain, &x->reply, i);

	buf_printf(&x->line, "{\"chain\":\"%c\",", x->chain);
	if (wrong)
		buf_printf(&x->line, "\"differs\":\"%s\",", wrong);
	buf_add_str(&x->line, S("\"hash\":\""));
	buf_add_str(&x->line, db_text(&x->reply, i, "hash"));
	buf_add_str(&x->line, S("\",\"record\":"));
	buf_add_str(&x->line, db_text(&x->reply, i, "record"));
	buf_add_str(&x->line, S("}\n"));
}

static void rows_pump(export *x)
{
	while (x->row < x->reply.rows && !web_stream_is_full(x->stream)) {
		buf_clear(&x->line);
		(x->stmt == SQL_CHECKPOINT_LIST ? checkpoint_line : record_line)(x, x->row);
		x->after = db_i64(&x->reply, x->row++, "n");
		x->left--;
		web_stream_write(x->stream, buf_str(&x->line));
	}
	if (x->row < x->reply.rows)
		return;
	if (x->reply.rows < PAGE_ROWS)
		x->after = x->reach;
	if (x->after < x->upto && x->left > 0) {
		page_ask(x);
		return;
	}
	web_stream_end(x->stream);
	export_over(x);
}

/* The answer has begun: what went wrong stands in a line of its own, which no reader takes for a record. */
static void export_fail(export *x, const db_reply *r)
{
	fault f = r->f;

	log_warn("audit.export", KV_ERR(r->e), KV_Z("why", r->f.detail));
	buf_clear(&x->line);
	buf_add_str(&x->line, S("{\"error\":"));
	problem_write(&x->line, &(problem){.e = r->e, .fault = &f, .instance = S("")});
	buf_add_str(&x->line, S("}\n"));
	web_stream_write(x->stream, buf_str(&x->line));
	web_stream_end(x->stream);
	export_over(x);
}

static void on_page(void *arg, db_reply *r)
{
	export *x = arg;

	x->is_reading = false;
	if (x->is_over) {
		export_free(x);
		return;
	}
	if (r->e) {
		export_fail(x, r);
		return;
	}
	db_keep(r, x->page);
	x->reply = *r;
	rows_pump(x);
}

static void page_ask(export *x)
{
	int64_t limit = x->left < PAGE_ROWS ? x->left : PAGE_ROWS;

	arena_end(x->page);
	x->page = arena_new(LINE_BYTES_MAX);
	x->reply = (db_reply){0};
	x->row = 0;
	bool is_short = x->stmt == SQL_CHECKPOINT_LIST || x->upto - x->after <= STRETCH;
	x->reach = is_short ? x->upto : x->after + STRETCH;
	sql_put_i64(x->stmt, x->in, S("floor"), x->after);
	sql_put_i64(x->stmt, x->in, S("after"), x->after);
	sql_put_i64(x->stmt, x->in, S("upto"), x->reach);
	sql_put_i64(x->stmt, x->in, S("limit"), limit);
	x->is_reading = true;
	db_read(x->edge->reader, permit_scope(x->who, RIGHT_AUDIT_READ), x->stmt, x->in, on_page, x);
}

static void on_drain(void *arg)
{
	export *x = arg;

	if (!x->is_reading)
		rows_pump(x);
}

static void on_close(void *arg)
{
	export_over(arg);
}

/* The filters' texts live in the request's memory, which ends before the stream does. */
static void in_copy(export *x, const void *in)
{
	const sql_stmt *s = &sql_stmts[x->stmt];

	x->in = arena_alloc(x->arena, s->in_size);
	memcpy(x->in, in, s->in_size);
	for (uint16_t i = 0; i < s->in_n; i++)
		if (s->in[i].type == PG_TEXT) {
			str *text = (str *)((char *)x->in + s->in[i].at);
			*text = str_dup(x->arena, *text);
		}
}

step export_begin(request *r, char chain, sql_id s, const void *in, int64_t after, int64_t upto, int64_t most)
{
	export *x = heap_new(1, sizeof(*x));

	x->edge = r->edge;
	x->who = principal_ref(r->who);
	x->arena = arena_new(0);
	x->chain = chain;
	x->stmt = s;
	x->after = after;
	x->upto = upto;
	x->left = most;
	buf_init(&x->line, LINE_BYTES_MAX);
	in_copy(x, in);
	step did = request_became_stream(r, &x->stream, 200, "application/x-ndjson");
	x->edge->streams++;
	web_stream_on(x->stream, on_drain, on_close, x);
	if (x->after < x->upto)
		page_ask(x);
	else
		rows_pump(x);
	return did;
}
