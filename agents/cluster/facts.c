#include "agents/cluster/facts.h"

#include <assert.h>
#include <stdio.h>
#include "agents/cluster/borrow.h"
#include "json/write.h"

enum { FACT_BYTES_MAX = 4 << 20, LOAN_NUMBERS = 5, LOAN_WORDS = 5 + LOAN_NUMBERS, NUMBER_BYTES = 21 };
#define LOAN_WORD "loan"

/* One record. kind: rev (rev, incarnation), loan, admitted, ended, forgotten (id). */
typedef struct fact {
	str kind;
	int64_t rev, incarnation;
	str id, fence, state, reason;
	int64_t at_us, bound_us, running_us;
	str loan, tenant, model, mode;
	int64_t offline_s, seq;
	int64_t device_milli, memory_mib, compute_milli;
	js_raw request, placed;
} fact;

#define F(...) JS_FIELD(fact, __VA_ARGS__)
static const js_field fact_fields[] = {
	F(kind, JS_REQUIRED, "rev, loan, admitted, ended or forgotten."),
	F(rev, JS_OPTIONAL, "Applied up to here."),
	F(incarnation, JS_OPTIONAL, "Of the server's database."),
	F(id, JS_OPTIONAL, "The placement."),
	F(fence, JS_OPTIONAL, "Its highest attempt."),
	F(state, JS_OPTIONAL, "How it ended."),
	F(reason, JS_OPTIONAL, "Why."),
	F(at_us, JS_OPTIONAL, "When it ended; rev: when the report was sent that the server stored last."),
	F(bound_us, JS_OPTIONAL, "When it was bound; 0: never."),
	F(running_us, JS_OPTIONAL, "When it began to run; 0: never."),
	F(loan, JS_OPTIONAL, "What was lent, or the pod was let in out of."),
	F(tenant, JS_OPTIONAL, "Whose."),
	F(model, JS_OPTIONAL, "Of which model."),
	F(mode, JS_OPTIONAL, "Of the loan."),
	F(offline_s, JS_OPTIONAL, "Of the loan."),
	F(seq, JS_OPTIONAL, "The last offer taken."),
	F(device_milli, JS_OPTIONAL, "Offered, or charged."),
	F(memory_mib, JS_OPTIONAL, "Offered, or charged."),
	F(compute_milli, JS_OPTIONAL, "Offered, or charged."),
	F(request, JS_OPTIONAL, "What the pod asks for."),
	F(placed, JS_OPTIONAL, "Where it stands."),
};
#undef F
static JS_TYPE(fact, "Something an agent remembers.");

static void fact_add(journal *j, const fact *v)
{
	buf line;

	if (!j)
		return;
	buf_init(&line, FACT_BYTES_MAX);
	js_writer w = js_writer_on(&line);
	js_write(&w, &fact_type, v);
	journal_add(j, buf_str(&line));
	buf_done(&line);
}

typedef struct replay {
	facts *k;
	book *b;
	borrow *l;
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

static void admitted_read(book *b, const fact *v)
{
	attempt at;

	if (!v->id.n || v->id.n > BOOK_ID_MAX || v->fence.n > BOOK_FENCE_MAX || !attempt_read(v->fence, &at) ||
		book_find(b, v->id))
		return;
	holding *h = book_put(b, v->id, v->fence, at);
	book_pod_put(h, &(book_pod){.tenant = v->tenant,
				.request = v->request.json,
				.placed = v->placed.json,
				.loan = v->loan,
				.charge = {{v->device_milli, v->memory_mib, v->compute_milli}},
				.at_us = v->at_us});
}

static void loan_read(borrow *l, const fact *v)
{
	borrow_recall(l, &(fact_loan){.name = v->loan,
				 .tenant = v->tenant,
				 .model = v->model,
				 .mode = v->mode,
				 .offline_s = v->offline_s,
				 .seq = v->seq,
				 .offered = {{v->device_milli, v->memory_mib, v->compute_milli}}});
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
		r->k->told_us = v.at_us;
		r->l->self.incarnation = v.incarnation;
	} else if (str_eq(v.kind, S("loan"))) {
		loan_read(r->l, &v);
	} else if (str_eq(v.kind, S("admitted"))) {
		admitted_read(r->b, &v);
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
	map_each (slot, &r->l->by_name) {
		fact_loan l = borrow_fact(slot->value);
		facts_loan(&to, &l);
	}
	map_each (slot, &r->b->by_id)
		if (((holding *)slot->value)->pod)
			facts_admitted(&to, slot->value);
	for (const holding *h = r->b->oldest; h; h = h->newer)
		facts_ended(&to, h);
}

err facts_open(facts *k, const char *path, book *b, borrow *l, fault *f)
{
	replay r = {k, b, l};

	*k = (facts){0};
	err e = journal_open(path, fact_read, &r, &k->journal, f);
	if (!e)
		e = journal_rewrite(k->journal, facts_write, &r, f);
	if (e)
		facts_close(k);
	return e;
}

/* A loan as words: there may be thousands where room is scarce, and the same as JSON in JSON takes three times as much.
 */
static bool loan_words_read(str line, borrow *l)
{
	str v[LOAN_WORDS];
	int64_t n[LOAN_NUMBERS];

	for (int i = 0; i < LOAN_WORDS; i++)
		v[i] = str_split(&line, ' ');
	for (int i = 0; i < LOAN_NUMBERS; i++)
		if (!str_to_i64(v[LOAN_WORDS - LOAN_NUMBERS + i], &n[i]))
			return false;
	if (line.p || !v[1].n)
		return false;
	borrow_recall(l, &(fact_loan){.name = v[1],
				 .tenant = v[2],
				 .model = v[3],
				 .mode = v[4],
				 .offline_s = n[0],
				 .seq = n[1],
				 .offered = {{n[2], n[3], n[4]}}});
	return true;
}

void facts_recall(facts *k, str text, book *b, borrow *l)
{
	replay r = {k, b, l};

	*k = (facts){0};
	while (text.p) {
		str line = str_split(&text, '\n');
		if (str_starts(line, S(LOAN_WORD " ")))
			k->n_unread += !loan_words_read(line, l);
		else if (line.n)
			fact_read(&r, line);
	}
}

static fact loan_fact(const fact_loan *l)
{
	return (fact){.kind = S("loan"),
		.loan = l->name,
		.tenant = l->tenant,
		.model = l->model,
		.mode = l->mode,
		.offline_s = l->offline_s,
		.seq = l->seq,
		.device_milli = l->offered.v[AXIS_DEVICE_MILLI],
		.memory_mib = l->offered.v[AXIS_MEMORY_MIB],
		.compute_milli = l->offered.v[AXIS_COMPUTE_MILLI]};
}

static str fact_line(const fact *v, arena *a)
{
	buf line;

	buf_init(&line, FACT_BYTES_MAX);
	js_writer w = js_writer_on(&line);
	js_write(&w, &fact_type, v);
	str text = str_dup(a, buf_str(&line));
	buf_done(&line);
	return text;
}

static bool is_word(str s)
{
	for (uint32_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] <= ' ')
			return false;
	return s.n > 0;
}

static void loan_words_write(const fact_loan *l, buf *out)
{
	buf_printf(out, LOAN_WORD " " STR_FMT " " STR_FMT " " STR_FMT " " STR_FMT " %lld %lld %lld %lld %lld\n",
		STR_ARG(l->name), STR_ARG(l->tenant), STR_ARG(l->model), STR_ARG(l->mode), (long long)l->offline_s,
		(long long)l->seq, (long long)l->offered.v[AXIS_DEVICE_MILLI], (long long)l->offered.v[AXIS_MEMORY_MIB],
		(long long)l->offered.v[AXIS_COMPUTE_MILLI]);
}

static uint32_t digits(int64_t v)
{
	char room[NUMBER_BYTES];

	return (uint32_t)snprintf(room, sizeof(room), "%lld", (long long)v);
}

size_t fact_loan_bytes(const fact_loan *l)
{
	size_t n = sizeof(LOAN_WORD) + LOAN_WORDS + l->name.n + l->tenant.n + l->model.n + l->mode.n;

	for (int i = 0; i < AXIS_COUNT; i++)
		n += digits(l->offered.v[i]);
	return n + digits(l->offline_s) + digits(l->seq);
}

/* All that can be told as words, in one text. */
strs facts_lines(const facts *k, const borrow *l, arena *a)
{
	strs all = {ARENA_ARRAY(a, str, l->by_name.n + 2), 0};
	fact rev = {.kind = S("rev"), .rev = k->rev, .incarnation = k->incarnation, .at_us = k->told_us};
	buf words;

	buf_init(&words, FACT_BYTES_MAX);
	all.v[all.n++] = fact_line(&rev, a);
	map_each (slot, &l->by_name) {
		const loan *is = slot->value;
		fact_loan one = borrow_fact(is);
		fact v = loan_fact(&one);
		if (borrow_is_nothing(is) || !is->is_kept)
			continue;
		if (is_word(one.name) && is_word(one.tenant) && is_word(one.model))
			loan_words_write(&one, &words);
		else
			all.v[all.n++] = fact_line(&v, a);
	}
	assert(!words.over);
	if (words.n)
		all.v[all.n++] = str_dup(a, buf_str(&words));
	buf_done(&words);
	return all;
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
	fact_add(k->journal, &(fact){.kind = S("rev"), .rev = rev, .incarnation = incarnation, .at_us = k->told_us});
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

void facts_loan(facts *k, const fact_loan *l)
{
	fact v = loan_fact(l);

	fact_add(k->journal, &v);
}

void facts_admitted(facts *k, const holding *h)
{
	const book_pod *p = h->pod;

	fact_add(k->journal, &(fact){.kind = S("admitted"),
				     .id = str_from(h->id),
				     .fence = str_from(h->fence_text),
				     .at_us = p->at_us,
				     .loan = p->loan,
				     .tenant = p->tenant,
				     .request = {p->request},
				     .placed = {p->placed},
				     .device_milli = p->charge.v[AXIS_DEVICE_MILLI],
				     .memory_mib = p->charge.v[AXIS_MEMORY_MIB],
				     .compute_milli = p->charge.v[AXIS_COMPUTE_MILLI]});
}

err facts_flush(facts *k, fault *f)
{
	return k->journal ? journal_flush(k->journal, f) : ERR_OK;
}

err facts_tidy(facts *k, book *b, borrow *l, fault *f)
{
	if (!k->journal || !journal_is_stale(k->journal, JOURNAL_STALE_BYTES))
		return ERR_OK;
	return journal_rewrite(k->journal, facts_write, &(replay){k, b, l}, f);
}
