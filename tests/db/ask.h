/* ask: one of the declared statements with its parameters written out as SQL, on a connection of the test's own. */
#pragma once
#include <libpq-fe.h>
#include "db/stmt.h"

/* `args` is what stands between the parentheses of EXECUTE; "" for none. The caller clears the result, whatever it is.
 */
PGresult *ask(PGconn *pg, sql_id s, const char *args);
/* The first row's column as text in a static buffer (four calls long); "" for NULL or no row, the error's message after
 * "! ". */
const char *ask_text(PGconn *pg, sql_id s, const char *args, const char *column);
/* Runs SQL that must work. */
void ask_do(PGconn *pg, const char *sql);
/* Takes a role and sets the scope until the connection ends; role NULL: its own again. */
void ask_as(PGconn *pg, const char *role, const char *scope);
