#include "agents/cluster/facts.h"

#include "json/write.h"

enum { FACT_BYTES_MAX = 16 << 10 };

/* One record. kind: rev (rev, incarnation), ended (all but those), forgotten (id). */
typedef struct fact {
	str kind;
	int64_t rev, incarnation;
	str id, fence, state, reason;
	int64_t at_us, bound_us, running_us;
} fact;

#define F(...) JS_FIELD(fact, __VA_ARGS__)
static const js_field fact_fields[] = {
	F(kind, JS_REQUIRED, "rev, ended or forgotten."),
	F(rev, JS_OPTIONAL, "Applied up to here."),
	F(incarnation, JS_OPTIONAL, "Of the server's database."),
	F(id, JS_OPTIONAL, "The placement."),
	F(fence, JS_OPTIONAL, "Its highest attempt."),
	F(state, JS_OPTIONAL, "How it ended."),
	F(reason, JS_OPTIONAL, "Why."),
	F(at_us, JS_OPTIONAL, "When it ended."),
	F(bound_us, JS_OPTIONAL, "When it was bound; 0: never."),
	F(running_us, JS_OPTIONAL, "When it began to run; 0: never."),
};
#undef F
static JS_TYPE(fact, "Something an agent remembers.");

static void fact_add(journal *j, const fact *v)
{
	buf line;

	buf_init(&line, FACT_BYTES_MAX);
	js_writer w = js_writer_on(&line);
	js_write(&w, &fact_type, v);
	journal_add(j, buf_str(&line));
	buf_done(&line);
}

typedef struct replay {
	facts *k;
	book *b;
} replay;

static void ended_read(book *b, const fact *v)
{
	lifecycle state;
	attempt at;

	if (!v->id.n || v->id.n > BOOK_ID_MAX || v->fence.n > BOOK_FENCE_MAX || !attempt_read(v->fence, &at) ||
		!lifecycle_find(v->state, &state) || lifecycle_is_booked(state))
		return;
	holding *h = book_put(b, v->id, v->fence, at);
	book_state(b, h, state, v->reason, v->at_us);
	h->bound_us = v->bound_us;
	h->running_us = v->running_us;
}

static void fact_read(void *arg, str record)
{
	AUTO_ARENA a = arena_new(0);
	replay *r = arg;
	fact v;

	if (js_read_output(&fact_type, record, a, &v, NULL)) {
		r->k->n_unread++;
		return;
	}
	holding *h = v.id.n ? book_find(r->b, v.id) : NULL;
	if (str_eq(v.kind, S("rev"))) {
		r->k->rev = v.rev;
		r->k->incarnation = v.incarnation;
	} else if (str_eq(v.kind, S("ended"))) {
		ended_read(r->b, &v);
	} else if (str_eq(v.kind, S("forgotten"))) {
		if (h)
			book_drop(r->b, h);
	} else {
		r->k->n_unread++;
	}
}

static void facts_write(void *arg, journal *j)
{
	replay *r = arg;
	facts to = *r->k;

	to.journal = j;
	facts_rev(&to, to.rev, to.incarnation);
	for (const holding *h = r->b->oldest; h; h = h->newer)
		facts_ended(&to, h);
}

err facts_open(facts *k, const char *path, book *b, fault *f)
{
	replay r = {k, b};

	*k = (facts){0};
	err e = journal_open(path, fact_read, &r, &k->journal, f);
	if (!e)
		e = journal_rewrite(k->journal, facts_write, &r, f);
	if (e)
		facts_close(k);
	return e;
}

void facts_close(facts *k)
{
	journal_close(k->journal);
	k->journal = NULL;
}

void facts_rev(facts *k, int64_t rev, int64_t incarnation)
{
	k->rev = rev;
	k->incarnation = incarnation;
	fact_add(k->journal, &(fact){.kind = S("rev"), .rev = rev, .incarnation = incarnation});
}

void facts_ended(facts *k, const holding *h)
{
	fact_add(k->journal, &(fact){
				     .kind = S("ended"),
				     .id = str_from(h->id),
				     .fence = str_from(h->fence_text),
				     .state = str_from(lifecycle_name(h->state)),
				     .reason = str_from(h->reason),
				     .at_us = h->at_us,
				     .bound_us = h->bound_us,
				     .running_us = h->running_us,
			     });
}

void facts_forgotten(facts *k, str id)
{
	fact_add(k->journal, &(fact){.kind = S("forgotten"), .id = id});
}

err facts_flush(facts *k, fault *f)
{
	return journal_flush(k->journal, f);
}

err facts_tidy(facts *k, book *b, fault *f)
{
	if (!journal_is_stale(k->journal))
		return ERR_OK;
	return journal_rewrite(k->journal, facts_write, &(replay){k, b}, f);
}
