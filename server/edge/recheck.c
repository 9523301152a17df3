#include "server/edge/recheck.h"

#include "base/clock.h"

static err standing(const principal *was, const principal *now)
{
	if (now->expires_at_us <= clock_now_us())
		return ERR_TOKEN_EXPIRED;
	return principal_is_same(was, now) ? ERR_OK : ERR_PERMISSION_DENIED;
}

static void recognized(recognize *k, err e, principal *now)
{
	recheck *c = k->arg;

	if (!e)
		e = standing(c->was, now);
	if (e) {
		principal_unref(now);
		now = NULL;
	}
	c->on_done(c, e, now);
}

void recheck_begin(recheck *c, edge *e, const principal *was, recheck_done *on_done)
{
	*c = (recheck){.was = was, .on_done = on_done};
	recognize_credential(&c->recognize, e->reader, str_from(was->id), true, recognized, c);
}
