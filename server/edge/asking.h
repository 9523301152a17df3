/* asking: a question for the worker, whose answer is waited for: a row that the edge writes and the worker answers
 * (db/queries/ask.sql).
 *
 * A request that asks begins its r->work with an asking.
 */
#pragma once
#include "db/sql.h"
#include "server/edge/request.h"

typedef struct asking {
	sql_ask_add_in ask;
	sql_ask_find_in find;
	int64_t until_us, wait_ms;
	step_id then;
	sql_ask_find_row row; /* the answer */
} asking;

/* A question of that kind from where the caller sits; body and reason are empty until they are set. */
void asking_fill(request *r, asking *a, const char *kind, str object_id);
/* Asks, and goes on at `then` with the row when it is answered, and not with a refusal. Else the request fails. */
step asking_send(request *r, int64_t patience_ms, step_id then);
