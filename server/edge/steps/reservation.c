#include "api/types/reservation.h"
#include "server/edge/govern.h"

step reservation_create(request *r)
{
	reservation_request *q = r->body;
	err e = reservation_request_check(q, &r->fault);

	if (e)
		return request_fail(r, e);
	if (q->uuids.n)
		q->count = q->uuids.n;
	return govern_ask(r);
}
