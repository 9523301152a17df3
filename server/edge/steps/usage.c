#include "api/types/query.h"
#include "base/clock.h"
#include "db/sql.h"
#include "server/edge/bind.h"
#include "server/edge/list.h"

enum { WINDOW_DAYS = 30 };
#define DAY_US 86400000000LL

step usage_ask(request *r)
{
	usage_query *q = r->query;
	int64_t now_us = clock_now_us();

	if (!q->until.us)
		q->until.us = now_us;
	if (!q->from.us)
		q->from.us = q->until.us - WINDOW_DAYS * DAY_US;
	if (q->from.us >= q->until.us)
		return request_fail_at(r, ERR_BAD_PARAMETER, "until", "must be after from");
	return list_run(r, bind_request(r, SQL_USAGE_LIST));
}
