/* facts: what an agent must know after a crash and its cluster cannot tell it.
 *
 * How far it has followed the server's stream, what it was lent, which pods it has let in, and how placements ended
 * that hold nothing any more. What still runs is told by the cluster itself. The file is a journal of small JSON
 * records.
 */
#pragma once
#include "agents/cluster/book.h"
#include "agents/cluster/journal.h"

typedef struct borrow borrow;

/* One loan as it is remembered (borrow.h). */
typedef struct fact_loan {
	str name, tenant, model, mode;
	int64_t offline_s, seq;
	amounts offered;
} fact_loan;

/* Bytes that it takes in facts_lines, when nothing in it is to be escaped. */
size_t fact_loan_bytes(const fact_loan *l);

typedef struct facts {
	journal *journal;    /* NULL: it is kept elsewhere */
	int64_t rev;         /* applied up to here */
	int64_t incarnation; /* 0: none seen */
	int64_t told_us;     /* the server was heard to have stored a report sent then; 0: never, as of the last fact */
	int64_t n_unread;    /* records that this version does not understand */
} facts;

/* Opens the file, puts the ended placements and those that were let in here into b, what was lent into l, and writes
 * the file anew without what is outdated. */
err facts_open(facts *k, const char *path, book *b, borrow *l, fault *f) MUST_CHECK;
/* The same where somebody else keeps the memory: text is what facts_lines gave, line by line. No file is there. */
void facts_recall(facts *k, str text, book *b, borrow *l);
/* How far the agent is and what it was lent, as far as that is to be kept (borrow.h); what was let in is told by the
 * pods themselves. A text may be of several lines. */
strs facts_lines(const facts *k, const borrow *l, arena *a);
void facts_close(facts *k);

void facts_rev(facts *k, int64_t rev, int64_t incarnation);
void facts_ended(facts *k, const holding *h);
void facts_forgotten(facts *k, str id);
void facts_loan(facts *k, const fact_loan *l);
/* It was let in here: flushed before it starts. */
void facts_admitted(facts *k, const holding *h);
/* One fsync, when there is something new. */
err facts_flush(facts *k, fault *f) MUST_CHECK;
/* Writes the file anew when most of it is outdated. */
err facts_tidy(facts *k, book *b, borrow *l, fault *f) MUST_CHECK;
