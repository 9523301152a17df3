/* A plan for programs and for people. */
#include <stdio.h>
#include <time.h>
#include "base/clock.h"
#include "json/write.h"
#include "server/plan/plan_inside.h"

static const char *const op_names[PLAN_OPS] = {"", "create", "update", "delete", "move", "drift", "request"};
static const char op_signs[PLAN_OPS] = {' ', '+', '~', '-', '>', '!', '?'};

enum { VALUE_SHOWN = 60, TIME_TEXT = 32 };

static plan_change change_of(planning *p, const plan_object *o)
{
	plan_field *rows = ARENA_ARRAY(p->a, plan_field, o->n_diffs + 1);
	plan_change c = {.op = str_from(op_names[o->op]),
		.kind = str_from(o->kind->name),
		.address = o->at->path,
		.item = o->item,
		.fields = {rows, o->n_diffs},
		.impact = o->impact,
		.requires = o->requires,
		.detail = o->detail};

	for (uint32_t i = 0; i < o->n_diffs; i++) {
		const plan_diff *d = &o->diffs[i];
		rows[i] = (plan_field){.path = d->path,
			.live = {d->live},
			.desired = {d->desired},
			.last_applied = {o->is_mine || o->gone ? d->base : STR_NONE},
			.drift_by = d->by};
	}
	if (o->blocked)
		c.code = str_from(err_code(o->blocked));
	return c;
}

void plan_print_changes(const planning *p, buf *out)
{
	js_writer w = js_writer_on(out);

	js_array_begin(&w);
	for (uint32_t i = 0; i < p->n_changes; i++) {
		plan_change c = change_of((planning *)p, p->changes[i]);
		js_write(&w, &plan_change_type, &c);
	}
	js_array_end(&w);
}

/* A value cut to what a line takes. */
static void value_print(buf *out, str value)
{
	if (!value.p) {
		buf_add_str(out, S("(none)"));
		return;
	}
	uint32_t n = value.n;
	while (n > VALUE_SHOWN || (n < value.n && n && ((unsigned char)value.p[n] & 0xc0) == 0x80))
		n--;
	buf_add_str(out, str_cut(value, 0, n));
	if (n < value.n)
		buf_add_str(out, S("..."));
}

static str time_text(int64_t us, char out[TIME_TEXT])
{
	time_t s = us / 1000000;
	struct tm t;

	gmtime_r(&s, &t);
	return str_of(out, strftime(out, TIME_TEXT, "%Y-%m-%d %H:%MZ", &t));
}

static void author_print(buf *out, const plan_author *by)
{
	char text[TIME_TEXT];
	str who = by->name.n ? by->name : by->who;

	if (!who.n)
		return;
	buf_printf(out, " by " STR_FMT " (" STR_FMT ") " STR_FMT ", request " STR_FMT, STR_ARG(who), STR_ARG(by->who),
		STR_ARG(time_text(by->when.us, text)), STR_ARG(by->request));
}

static void diff_print(buf *out, const plan_object *o, const plan_diff *d)
{
	buf_printf(out, "    %s" STR_FMT ": ", d->is_drift ? "! " : "", STR_ARG(d->path));
	value_print(out, d->is_drift ? d->base : d->live);
	buf_add_str(out, S(" -> "));
	value_print(out, d->is_drift ? d->live : d->desired);
	if (d->is_drift) {
		author_print(out, &d->by);
		buf_add_str(out, o->op == PLAN_DRIFT ? S("; the manifest says ") : S("; it becomes "));
		value_print(out, o->op == PLAN_DRIFT ? d->desired : d->final);
	}
	buf_add_char(out, '\n');
}

static void impact_print(buf *out, const plan_impact *m)
{
	if (m->running_placements_over_limit)
		buf_printf(out, "    %lld running placements would be over the limit; they go on, nothing new starts\n",
			(long long)m->running_placements_over_limit);
}

static void object_print(buf *out, const plan_object *o)
{
	buf_printf(out, "%c %s " STR_FMT "%s" STR_FMT "\n", op_signs[o->op], o->kind->name, STR_ARG(o->at->path),
		o->item.n ? " " : "", STR_ARG(o->item));
	for (uint32_t i = 0; i < o->n_diffs; i++)
		diff_print(out, o, &o->diffs[i]);
	impact_print(out, &o->impact);
	if (o->blocked)
		buf_printf(out, "    blocked (%s): " STR_FMT "\n", err_code(o->blocked), STR_ARG(o->detail));
	for (uint32_t i = 0; i < o->requires.n; i++)
		buf_printf(out, "    requires " STR_FMT "\n", STR_ARG(o->requires.v[i]));
}

static void counts_print(buf *out, const plan_summary *s)
{
	buf_printf(out,
		"%lld to create, %lld to change, %lld to remove, %lld drifted, %lld blocked, %lld as they shall be\n",
		(long long)s->create, (long long)s->update, (long long)s->delete, (long long)s->drift,
		(long long)s->blocked, (long long)s->noop);
	if (s->request)
		buf_printf(out, "%lld to be asked for: somebody above approves\n", (long long)s->request);
}

void plan_print_text(const planning *p, str plan_id, str until, buf *out)
{
	buf_printf(out, "Plan " STR_FMT "  manager " STR_FMT "  valid until " STR_FMT "\n", STR_ARG(plan_id),
		STR_ARG(p->want->manager), STR_ARG(until));
	for (uint32_t i = 0; i < p->n_changes; i++)
		object_print(out, p->changes[i]);
	counts_print(out, &p->summary);
}

static const char *const headlines[] = {
	[PLAN_NONE] = "Nothing to do",
	[PLAN_CHANGES] = "Changes",
	[PLAN_DRIFTED] = "Drift: somebody else changed what this manifest keeps",
	[PLAN_BLOCKED] = "Blocked: some changes cannot be made as things are",
};

/* A fence no line of the text can close: texts of people are JSON strings on one line, which never begin a line. */
void plan_print_markdown(const planning *p, str plan_id, str until, buf *out)
{
	const plan_summary *s = &p->summary;

	buf_printf(out, "### Reeve plan: %s\n\n", headlines[p->result]);
	buf_add_str(out,
		S("| create | change | remove | drifted | blocked | as they shall be |\n|---|---|---|---|---|---|\n"));
	buf_printf(out, "| %lld | %lld | %lld | %lld | %lld | %lld |\n\n", (long long)s->create, (long long)s->update,
		(long long)s->delete, (long long)s->drift, (long long)s->blocked, (long long)s->noop);
	if (p->n_changes) {
		buf_add_str(out, S("```diff\n"));
		for (uint32_t i = 0; i < p->n_changes; i++)
			object_print(out, p->changes[i]);
		buf_add_str(out, S("```\n\n"));
	}
	buf_printf(out, "Plan `" STR_FMT "`, manager `" STR_FMT "`, valid until " STR_FMT ".\n", STR_ARG(plan_id),
		STR_ARG(p->want->manager), STR_ARG(until));
}
