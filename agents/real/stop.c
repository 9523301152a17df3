#include "agents/real/real_inside.h"
#include "json/write.h"

enum { BODY_MAX = 1024 };
#define ASK_EVERY_US ((int64_t)5000000)

/* What becomes of the pod is told by the watch, whatever the answer is. */
static void on_sent(void *arg, const kube_reply *r)
{
	(void)arg;
	(void)r;
}

static void seat_delete(real *r, const seat *s)
{
	AUTO_ARENA a = arena_new(0);
	kube_request q = {.method = "DELETE", .on_done = on_sent};
	buf body;

	buf_init(&body, BODY_MAX);
	js_writer w = js_writer_on(&body);
	js_object_begin(&w);
	js_put_text(&w, "apiVersion", S("v1"));
	js_put_text(&w, "kind", S("DeleteOptions"));
	js_key(&w, S("preconditions"));
	js_object_begin(&w);
	js_put_text(&w, "uid", str_from(s->uid));
	js_object_end(&w);
	js_object_end(&w);
	q.path = str_print(a, "/api/v1/namespaces/%s/pods/%s", s->space, s->pod);
	q.body = buf_str(&body);
	(void)kube_send(r->spec.kube, &q);
	buf_done(&body);
}

/* What has come to its own limit, lost one of its pods or may have begun elsewhere, goes whatever budgets say: nobody
 * else waits for the place.
 */
static void seat_stop(real *r, const work *w, seat *s, int64_t now_us)
{
	bool is_first = s->asked_us == 0;

	if (s->asked_us && now_us < s->asked_us + ASK_EVERY_US)
		return;
	s->asked_us = now_us;
	if (is_first)
		events_pod(r->events, str_from(s->space), str_from(s->pod), str_from(s->uid), false, "Stopping",
			str_from(w->reason ? w->reason : "its placement was revoked"), now_us);
	if (w->is_cut || !w->is_stopping || w->grace_s == CLUSTER_AT_ONCE)
		seat_delete(r, s);
	else
		(void)kube_evict(r->spec.kube, str_from(s->space), str_from(s->pod), str_from(s->uid),
			w->grace_s ? w->grace_s : -1, (kube_done){on_sent, NULL});
}

void stop_go(real *r, work *w, int64_t now_us)
{
	for (uint32_t i = 0; i < w->n_seats; i++) {
		seat *s = &w->seats[i];
		if (s->state == SEAT_BOUND || s->state == SEAT_RUNNING)
			seat_stop(r, w, s, now_us);
		else if (s->state == SEAT_AWAITED && !s->uid[0])
			seat_free(r, w, s);
	}
	works_time(&r->works, w);
}
