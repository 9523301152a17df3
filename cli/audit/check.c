#include "cli/audit/check.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/heap.h"

static bool is_same(const merkle_hash *a, const merkle_hash *b)
{
	return memcmp(a->v, b->v, MERKLE_HASH) == 0;
}

static check_chain *chain_of(check *c, char name)
{
	return &c->chains[name == 'p'];
}

PRINTF(3, 4) static void bad(check *c, check_bad b, const char *why, ...)
{
	va_list args;

	va_start(args, why);
	vsnprintf(b.why, sizeof(b.why), why, args);
	va_end(args);
	c->bad++;
	if (b.chain && !b.is_seal) {
		check_chain *of = chain_of(c, b.chain);
		of->bad++;
		if (!of->first_bad)
			of->first_bad = b.n;
	}
	c->on_bad(c->arg, &b);
}

void check_begin(check *c, const uint8_t *key, void (*on_bad)(void *arg, const check_bad *b), void *arg)
{
	memset(c, 0, sizeof(*c));
	c->has_key = key != NULL;
	if (key)
		memcpy(c->key, key, SIGNATURE_KEY);
	c->chains[0].name = 'g';
	c->chains[1].name = 'p';
	c->on_bad = on_bad;
	c->arg = arg;
	c->now = heap_new(1, sizeof(*c->now));
}

void check_done(check *c)
{
	vec_done(&c->chains[0].seals);
	vec_done(&c->chains[1].seals);
	free(c->now);
}

/* NULL, or what is wrong with a signed checkpoint by itself. */
static const char *signed_wrong(const check *c, const checkpoint *by, str body, const uint8_t *signature)
{
	if (!c->has_key)
		return "its signature cannot be checked without --key";
	if (memcmp(by->key, c->key, SIGNATURE_KEY) != 0)
		return "it is signed by another key";
	return signature_holds(c->key, body, signature) ? NULL : "its signature does not hold";
}

static void seal_take(check *c, const line *l, const char *file, int64_t number)
{
	check_seal seal = {.by = l->by, .frontier = l->frontier, .file = file, .line = number};
	merkle_hash root;

	checkpoint_digest(l->body, &seal.digest);
	merkle_root(&l->frontier, &root);
	const char *why = signed_wrong(c, &l->by, l->body, l->signature);
	if (!why && !is_same(&root, &l->by.root))
		why = "its frontier does not fold to its root";
	if (why)
		bad(c, (check_bad){.file = file, .line = number, .chain = l->chain, .n = l->by.size, .is_seal = true},
			"%s", why);
	seal.is_good = !why;
	vec_push(&chain_of(c, l->chain)->seals, seal);
}

void check_seals(check *c, const char *file, str text)
{
	int64_t number = 0;
	str one;
	bool ends;

	while (line_next(&text, &one, &ends)) {
		number++;
		if (!str_starts(one, S("{\"checkpoint\":")))
			continue;
		line_read(one, c->now);
		if (c->now->kind == LINE_CHECKPOINT && ends)
			seal_take(c, c->now, file, number);
	}
}

static int by_size(const void *a, const void *b)
{
	const check_seal *x = a, *y = b;

	return (x->by.size > y->by.size) - (x->by.size < y->by.size);
}

void check_seals_end(check *c)
{
	for (int k = 0; k < 2; k++) {
		check_chain *h = &c->chains[k];
		if (h->seals.n)
			qsort(h->seals.v, h->seals.n, sizeof(*h->seals.v), by_size);
		for (uint32_t i = 1; i < h->seals.n; i++) {
			check_seal *s = &h->seals.v[i];
			if (s->by.has_prev && is_same(&s->by.prev, &h->seals.v[i - 1].digest))
				continue;
			bad(c, (check_bad){s->file, s->line, h->name, s->by.size, true, ""},
				"it does not follow the checkpoint of size %lld: one is missing or was changed",
				(long long)h->seals.v[i - 1].by.size);
		}
	}
}

static const check_seal *seal_of_size(const check_chain *h, int64_t size)
{
	for (uint32_t i = 0; i < h->seals.n; i++)
		if (h->seals.v[i].by.size == size)
			return &h->seals.v[i];
	return NULL;
}

static bool can_begin(const check_chain *h, int64_t n)
{
	return n == 1 || (n > 1 && seal_of_size(h, n - 1));
}

/* The number of the record behind, by its line; 0: there is none. */
static int64_t number_behind(str rest)
{
	line *l = heap_new(1, sizeof(*l));
	int64_t n = 0;
	str one;
	bool ends;

	if (line_next(&rest, &one, &ends)) {
		line_read(one, l);
		n = l->kind == LINE_RECORD ? l->n : 0;
	}
	free(l);
	return n;
}

/* Where the records begin: what the first one says, or, when nothing begins there, what the second one does. */
static void chain_begin(check *c, check_chain *h, int64_t n, str rest, const char *file, int64_t number)
{
	int64_t second = can_begin(h, n) ? 0 : number_behind(rest);
	int64_t first = second && can_begin(h, second - 1) ? second - 1 : n;
	const check_seal *seal = first > 1 ? seal_of_size(h, first - 1) : NULL;

	h->has_begun = true;
	h->first = first;
	walk_begin(&h->walk);
	if (seal)
		walk_resume(&h->walk, first - 1, &seal->by.hash, &seal->frontier);
	while (h->seal < h->seals.n && h->seals.v[h->seal].by.size < first)
		h->seal++;
	if (can_begin(h, first))
		return;
	bad(c, (check_bad){.file = file, .line = number, .chain = h->name, .n = 1},
		"it is missing, and all before %lld: no checkpoint of size %lld stands in their place",
		(long long)first, (long long)first - 1);
	h->walk.n = first - 1;
	h->walk.is_lost = true;
	h->walk.has_tree = false;
}

/* What the next record's hash follows from tells which of the two was changed. */
static const char *changed_what(const check_chain *h, str rest)
{
	line *l = heap_new(1, sizeof(*l));
	walk on = h->walk;
	const char *why = "the record or its hash was changed: the hash does not follow";
	str one;
	bool ends;

	if (line_next(&rest, &one, &ends))
		line_read(one, l);
	if (l->kind == LINE_RECORD) {
		on.computed = on.hash;
		if (walk_follow(&on, l->n, l->record, &l->hash) != WALK_HASH)
			why = "the record's bytes were changed: they do not give its hash";
		on = h->walk;
		on.hash = on.computed;
		if (walk_follow(&on, l->n, l->record, &l->hash) != WALK_HASH)
			why = "its hash was changed: the record gives another one";
	}
	free(l);
	return why;
}

/* The records so far against the checkpoint of that size. */
static void seal_meet(check *c, check_chain *h)
{
	int64_t before = h->seal ? h->seals.v[h->seal - 1].by.size : 0;
	check_seal *s = &h->seals.v[h->seal];
	merkle_hash root;

	s->is_met = true;
	h->seal++;
	merkle_root(&h->walk.tree, &root);
	check_bad b = {s->file, s->line, h->name, s->by.size, true, ""};
	if (!h->walk.has_tree)
		bad(c, b, "its root cannot be computed: not every record up to it is there");
	else if (!is_same(&root, &s->by.root) || !is_same(&h->walk.hash, &s->by.hash))
		bad(c, b, "the records %lld to %lld are not those that were signed", (long long)before + 1,
			(long long)s->by.size);
	else if (s->is_good)
		h->seals_met++;
}

static void seals_pass(check *c, check_chain *h)
{
	while (h->seal < h->seals.n && h->seals.v[h->seal].by.size < h->walk.n) {
		h->walk.has_tree = false;
		seal_meet(c, h);
	}
	if (h->seal < h->seals.n && h->seals.v[h->seal].by.size == h->walk.n)
		seal_meet(c, h);
}

static void record_take(check *c, const line *l, str rest, const char *file, int64_t number)
{
	check_chain *h = chain_of(c, l->chain);

	if (!h->has_begun)
		chain_begin(c, h, l->n, rest, file, number);
	int64_t expected = h->walk.n + 1, n = l->n ? l->n : expected;
	check_bad b = {.file = file, .line = number, .chain = l->chain, .n = expected};
	walk_step how = walk_follow(&h->walk, n, l->record, &l->hash);
	h->records++;
	h->bytes += l->record.n;
	if (how == WALK_NUMBER && n > expected)
		bad(c, b, "it is missing, or its number was changed: %lld stands in its place", (long long)n);
	else if (how == WALK_NUMBER)
		bad(c, b, "number %lld comes again in its place", (long long)n);
	else if (how == WALK_HASH) {
		b.n = n;
		bad(c, b, "%s", changed_what(h, rest));
	} else if (l->differs.p) {
		b.n = n;
		bad(c, b, "the column " STR_FMT " differs from the record", STR_ARG(l->differs));
	}
	seals_pass(c, h);
}

static void proof_take(check *c, const line *l, const char *file, int64_t number)
{
	check_bad b = {.file = file, .line = number, .chain = l->chain, .n = l->n};
	const char *why = signed_wrong(c, &l->by, l->body, l->signature);
	merkle_hash leaf;

	c->proofs++;
	merkle_leaf(l->record, &leaf);
	if (why)
		bad(c, b, "its checkpoint does not hold: %s", why);
	else if (!merkle_path_holds(l->n - 1, l->by.size, &leaf, l->path, l->path_n, &l->by.root))
		bad(c, b, "its path does not lead to the signed root");
}

static void growth_take(check *c, const line *l, const char *file, int64_t number)
{
	check_bad b = {file, number, l->chain, l->by.size, true, ""};
	const char *why = signed_wrong(c, &l->by, l->body, l->signature);

	c->proofs++;
	if (!why)
		why = signed_wrong(c, &l->from, l->from_body, l->from_signature);
	if (!why && !merkle_growth_holds(l->from.size, l->by.size, &l->from.root, &l->by.root, l->path, l->path_n))
		why = "the chain did not grow from the older checkpoint to this one";
	if (why)
		bad(c, b, "%s", why);
}

/* Which chain the lines of a text are of, so that one that cannot be read is named by its number. */
static char chain_guess(str text)
{
	str one;
	bool ends;

	while (line_next(&text, &one, &ends)) {
		str head = S("{\"chain\":\"");
		if (str_starts(one, S("{\"checkpoint\":")))
			return 0;
		if (str_starts(one, head) && one.n > head.n && (one.p[head.n] == 'g' || one.p[head.n] == 'p'))
			return one.p[head.n];
	}
	return 0;
}

static void unreadable(check *c, char guess, str rest, const char *file, int64_t number)
{
	check_bad b = {.file = file, .line = number, .chain = guess};

	if (guess) {
		check_chain *h = chain_of(c, guess);
		int64_t second = number_behind(rest);
		if (!h->has_begun)
			chain_begin(c, h, second > 1 ? second - 1 : 1, rest, file, number);
		b.n = h->walk.n + 1;
		h->records++;
		walk_skip(&h->walk);
	}
	bad(c, b, "the line cannot be read: it is not of the form that the server writes");
	if (guess)
		seals_pass(c, chain_of(c, guess));
}

void check_records(check *c, const char *file, str text)
{
	char guess = chain_guess(text);
	int64_t number = 0;
	str one;
	bool ends;

	if (!text.n)
		bad(c, (check_bad){.file = file, .line = 1}, "the file is empty");
	while (line_next(&text, &one, &ends)) {
		line *l = c->now;
		number++;
		line_read(one, l);
		if (l->kind == LINE_BAD || !ends)
			unreadable(c, guess, text, file, number);
		else if (l->kind == LINE_RECORD) {
			guess = l->chain;
			record_take(c, l, text, file, number);
		} else if (l->kind == LINE_PROOF)
			proof_take(c, l, file, number);
		else if (l->kind == LINE_GROWTH)
			growth_take(c, l, file, number);
	}
}

bool check_end(check *c)
{
	for (int k = 0; k < 2; k++) {
		check_chain *h = &c->chains[k];
		if (!h->has_begun || !h->seals.n || h->seals.v[h->seals.n - 1].by.size <= h->walk.n)
			continue;
		bad(c, (check_bad){.chain = h->name, .n = h->walk.n + 1},
			"it is missing, and all up to %lld: a checkpoint of that size is signed",
			(long long)h->seals.v[h->seals.n - 1].by.size);
	}
	return c->bad == 0;
}
