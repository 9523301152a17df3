#include "cli/demo/screen.h"

#include <stdio.h>

enum { BAR = 20, CLUSTER_BAR = 24, WAITING_MAX = 4, DECISIONS_MIN = 2, FIXED_LINES = 17 };

/* '#' used, '.' free; up to the limit, with '|' where the guarantee ends. */
static void bar_print(char *out, int n, int64_t used, int64_t mark, int64_t whole)
{
	for (int i = 0; i < n; i++) {
		int64_t at = whole * (i + 1) / n, before = whole * i / n;
		out[i] = used >= at || (used > before && used * 2 > at + before) ? '#' : '.';
		if (mark > before && mark <= at && mark < whole && out[i] == '.')
			out[i] = '|';
	}
	out[n] = 0;
}

static void clusters_print(const view *v, buf *out)
{
	for (int i = 0; i < CAST_CLUSTERS; i++) {
		const view_cluster *c = &v->clusters[i];
		char bar[CLUSTER_BAR + 1];
		int64_t whole = c->devices * 1000;
		bar_print(bar, CLUSTER_BAR, c->used_milli, 0, whole ? whole : 1);
		buf_printf(out, "  %-7s " STR_FMT "  %3lld devices  [%s] %3lld %%  %3lld running\n",
			cast_clusters[i].name, STR_ARG(c->state), (long long)c->devices, bar,
			(long long)(whole ? c->used_milli * 100 / whole : 0), (long long)c->running);
	}
}

static int64_t used_of(const tenant_quota *q, const char *model)
{
	const quota_model *m = q->models.v;

	for (uint32_t i = 0; i < q->models.n; i++)
		if (str_eq(m[i].model, str_from(model)))
			return m[i].used.device_milli;
	return 0;
}

static const quota_model *model_of(const tenant_quota *q, const char *model)
{
	const quota_model *m = q->models.v;

	for (uint32_t i = 0; i < q->models.n; i++)
		if (str_eq(m[i].model, str_from(model)))
			return &m[i];
	return NULL;
}

static void quota_print(const view *v, const cast_quota *row, buf *out)
{
	const tenant_quota *q = &v->quotas[row->who];
	const quota_model *m = model_of(q, row->model);
	char bar[BAR + 1];

	if (!m)
		return;
	int64_t used = used_of(q, row->model);
	bar_print(bar, BAR, used, m->guaranteed.device_milli, m->limit.device_milli ? m->limit.device_milli : 1);
	buf_printf(out, "  %-15s %-12s [%s] %6.1f %6.1f %6.1f\n", cast_tenants[row->who].path, row->model, bar,
		(double)used / 1000, (double)m->limit.device_milli / 1000, (double)m->guaranteed.device_milli / 1000);
}

static bool is_alike(const placement *a, const placement *b)
{
	const placement_blocker *x = a->blockers.v, *y = b->blockers.v;

	return str_eq(a->tenant, b->tenant) && str_eq(x->code, y->code) && str_eq(x->class, y->class);
}

/* Of those that wait for the same thing one is enough. */
static int waiting_print(const view *v, int most, buf *out)
{
	const placement *p = v->live.v, *shown[WAITING_MAX];
	char line[VIEW_TEXT];
	int n = 0;

	for (uint32_t i = 0; i < v->live.n && n < most && n < WAITING_MAX; i++) {
		bool is_new = str_eq(p[i].state, S("pending")) && p[i].blockers.n;
		for (int k = 0; k < n && is_new; k++)
			is_new = !is_alike(&p[i], shown[k]);
		if (!is_new)
			continue;
		shown[n++] = &p[i];
		view_blocker(&p[i], line);
		buf_printf(out, "  %s\n", line);
	}
	return n;
}

static void counts_print(const view *v, const view_feed *feed, int64_t rate, buf *out)
{
	int64_t starting = v->in_state[LIFE_GRANTED] + v->in_state[LIFE_DELIVERED] + v->in_state[LIFE_ACCEPTED] +
			   v->in_state[LIFE_BOUND];

	buf_printf(out, "%lld pending, %lld granted, %lld running, %lld done, %lld rejected; %lld decisions/s",
		(long long)v->in_state[LIFE_PENDING], (long long)starting, (long long)v->in_state[LIFE_RUNNING],
		(long long)feed->ended[LIFE_DONE], (long long)feed->ended[LIFE_REJECTED], (long long)rate);
}

/* Short enough for a terminal of 80 columns. */
void screen_try(const demo *d, buf *out)
{
	static const char *const paths[] = {"clusters", "placements", "usage"};

	buf_printf(out, "Console: %s/ (signed by %s)\nToken: . %s; echo $REEVE_TOKEN     Then try:\n", d->url, d->ca,
		d->env);
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++)
		buf_printf(
			out, "curl --cacert \"$REEVE_CA\" --oauth2-bearer $REEVE_TOKEN $REEVE_URL/v1/%s\n", paths[i]);
}

/* Each line is cut to the width and cleared to its end; what stood below is cleared. */
static void frame_print(str text, screen_size size, buf *out)
{
	buf_add_str(out, S("\033[H"));
	for (int row = 1; text.p && text.n && row < size.rows; row++) {
		str line = str_split(&text, '\n');
		buf_add_str(out, str_cut(line, 0, (size_t)size.columns));
		buf_add_str(out, S("\033[K\n"));
	}
	buf_add_str(out, S("\033[J"));
}

void screen_draw(const demo *d, const view *v, const view_feed *feed, int64_t rate, screen_size size, buf *out)
{
	int room = size.rows - FIXED_LINES, quotas = (int)cast_quotas_n, waiting, decisions;
	buf text;

	buf_init(&text, 1 << 16);
	quotas = room - 2 * DECISIONS_MIN < quotas ? room - 2 * DECISIONS_MIN : quotas;
	room -= quotas > 0 ? quotas : 0;
	waiting = room / 2 > DECISIONS_MIN ? room / 2 : DECISIONS_MIN;
	decisions = room - waiting > DECISIONS_MIN ? room - waiting : DECISIONS_MIN;
	buf_printf(&text, "Reeve: three clusters, five tenants, one book.   Ctrl-C stops all.\n\n");
	clusters_print(v, &text);
	buf_printf(&text, "\n");
	buf_printf(&text, "  %-15s %-12s %-22s %6s %6s %6s\n", "tenant", "model", "", "used", "limit", "sure");
	for (int i = 0; i < quotas; i++)
		quota_print(v, &cast_quotas[i], &text);
	buf_printf(&text, "\n");
	counts_print(v, feed, rate, &text);
	buf_printf(&text, "\n");
	for (int i = 0; i < decisions && i < VIEW_RECENT && *feed->recent[i]; i++)
		buf_printf(&text, "  %s\n", feed->recent[i]);
	buf_printf(&text, "Waiting, and for what first:\n");
	if (!waiting_print(v, waiting < WAITING_MAX ? waiting : WAITING_MAX, &text))
		buf_printf(&text, "  nobody\n");
	buf_printf(&text, "\n");
	screen_try(d, &text);
	frame_print(buf_str(&text), size, out);
	buf_done(&text);
}

void screen_line(const view *v, const view_feed *feed, int64_t rate, buf *out)
{
	for (int i = 0; i < CAST_CLUSTERS; i++)
		buf_printf(out, "%s %lld %%, ", cast_clusters[i].name,
			(long long)(v->clusters[i].devices ? v->clusters[i].used_milli / 10 / v->clusters[i].devices
							   : 0));
	counts_print(v, feed, rate, out);
	buf_printf(out, "\n");
	waiting_print(v, 1, out);
}
