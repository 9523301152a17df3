#include "server/edge/touch.h"

#include <stdlib.h>
#include "base/heap.h"
#include "db/sql.h"

typedef struct touch {
	sql_token_touch_in in;
	char id[ID_MAX];
} touch;

static void touched(void *arg, db_reply *reply)
{
	(void)reply;
	free(arg);
}

void touch_token(edge *e, const principal *p)
{
	touch *t = heap_new(1, sizeof(*t));

	memcpy(t->id, p->id, sizeof(t->id));
	t->in.id = str_from(t->id);
	lane_run(e->platform_lane, 0, DB_PLATFORM, SQL_TOKEN_TOUCH, &t->in, touched, t);
}
