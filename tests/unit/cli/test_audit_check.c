/* Every byte of an export, of its checkpoints and of its proofs, changed: what was changed is named. */
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>

#include "cli/audit/check.h"
#include "net/digest.h"
#include "proof/tile.h"

enum { SMALL = 9, LARGE = 3000, EVERY = 512, RANDOM_FLIPS = 60, TEXT_MAX = 4 << 20, SEAL_AT = 4 };

/* A chain as a server exports it. */
typedef struct book {
	signing_key *key;
	uint8_t public[SIGNATURE_KEY];
	buf records, seals;
	arena *a;
	tiles tiles;
	merkle tree;
	merkle_hash hash, prev;
	checkpoint last;
	str last_body, last_signature;
} book;

static void hex_put(buf *out, const char *before, const void *bytes, size_t n)
{
	buf_add_str(out, str_from(before));
	hex_add(out, bytes, n);
}

static str record_of(book *b, int64_t n)
{
	return str_print(b->a,
		"{\"n\":%lld,\"at\":\"2026-11-21T10:00:00.000Z\",\"actor\":\"tok_%lld\",\"action\":\"tenant.create\",\"change\":null}",
		(long long)n, (long long)(n * 7919 % 1000));
}

static void record_add(book *b, str record)
{
	const str parts[] = {{(const char *)b->hash.v, MERKLE_HASH}, record};
	merkle_hash leaf, next;

	digest_sha256(parts, 2, next.v);
	b->hash = next;
	merkle_leaf(record, &leaf);
	merkle_grow(&b->tree, &leaf, tiles_grow, &b->tiles);
	hex_put(&b->records, "{\"chain\":\"g\",\"hash\":\"", b->hash.v, MERKLE_HASH);
	buf_printf(&b->records, "\",\"record\":" STR_FMT "}\n", STR_ARG(record));
}

static void seal_add(book *b)
{
	uint8_t signature[SIGNATURE_BYTES];
	merkle_hash frontier[MERKLE_LEVELS];
	checkpoint c = {
		.chain = 'g', .size = b->tree.size, .hash = b->hash, .prev = b->prev, .at_us = 1795255200000000};
	buf body;

	c.has_prev = b->last.size > 0;
	merkle_root(&b->tree, &c.root);
	memcpy(c.key, b->public, sizeof(c.key));
	buf_init(&body, CHECKPOINT_BYTES_MAX);
	checkpoint_write(&c, &body);
	b->last = c;
	b->last_body = str_dup(b->a, buf_str(&body));
	buf_done(&body);
	signing_key_sign(b->key, b->last_body, signature);
	b->last_signature = str_dup(b->a, str_of((const char *)signature, sizeof(signature)));
	checkpoint_digest(b->last_body, &b->prev);
	uint32_t n = merkle_frontier(&b->tree, frontier);
	buf_printf(&b->seals, "{\"checkpoint\":" STR_FMT, STR_ARG(b->last_body));
	hex_put(&b->seals, ",\"signature\":\"", signature, sizeof(signature));
	hex_put(&b->seals, "\",\"frontier\":\"", frontier, n * sizeof(*frontier));
	buf_add_str(&b->seals, S("\"}\n"));
}

static void book_open(book *b, int64_t records, int64_t every)
{
	char path[] = "/tmp/reeve-key-XXXXXX";
	static const str nothing = {"", 0};
	fault f = {0};

	memset(b, 0, sizeof(*b));
	close(mkstemp(path));
	unlink(path);
	cr_assert_eq(signing_key_ensure(path, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(signing_key_open(path, &b->key, &f), ERR_OK, "%s", f.detail);
	unlink(path);
	signing_key_public(b->key, b->public);
	b->a = arena_new(0);
	b->tiles.arena = b->a;
	buf_init(&b->records, TEXT_MAX);
	buf_init(&b->seals, TEXT_MAX);
	digest_sha256(&nothing, 1, b->hash.v);
	for (int64_t n = 1; n <= records; n++) {
		record_add(b, record_of(b, n));
		if (n % every == 0)
			seal_add(b);
	}
}

static void book_close(book *b)
{
	signing_key_close(b->key);
	buf_done(&b->records);
	buf_done(&b->seals);
	arena_end(b->a);
}

/* The first that is bad. */
typedef struct named {
	int64_t n, times;
	bool is_seal;
	char why[CHECK_WHY_MAX];
} named;

static void on_bad(void *arg, const check_bad *b)
{
	named *of = arg;

	if (of->times++)
		return;
	of->n = b->n;
	of->is_seal = b->is_seal;
	memcpy(of->why, b->why, sizeof(of->why));
}

static named verified(const book *b, str seals, str records)
{
	named got = {0};
	check c;

	check_begin(&c, b->public, on_bad, &got);
	check_seals(&c, "seals", seals);
	check_seals_end(&c);
	if (seals.n)
		check_records(&c, "seals", seals);
	check_records(&c, "records", records);
	bool ok = check_end(&c);
	cr_expect_eq(ok, got.times == 0);
	check_done(&c);
	return got;
}

static named verified_whole(const book *b)
{
	return verified(b, buf_str(&b->seals), buf_str(&b->records));
}

static int64_t line_of(str text, size_t at)
{
	int64_t number = 1;

	for (size_t i = 0; i < at; i++)
		number += text.p[i] == '\n';
	return number;
}

Test(audit_check, a_whole_chain_holds)
{
	book b;

	book_open(&b, SMALL, SEAL_AT);
	named got = verified_whole(&b);
	cr_expect_eq(got.times, 0, "%s", got.why);
	book_close(&b);
}

Test(audit_check, every_byte_of_every_record_is_named_by_its_record)
{
	static const uint8_t masks[] = {0x01, 0x20, 0x80};
	book b;

	book_open(&b, SMALL, SEAL_AT);
	for (size_t i = 0; i < b.records.n; i++)
		for (size_t k = 0; k < sizeof(masks); k++) {
			int64_t n = line_of(buf_str(&b.records), i);
			b.records.p[i] ^= (char)masks[k];
			named got = verified_whole(&b);
			cr_expect(got.times && !got.is_seal && got.n == n,
				"byte %zu ^ %02x of record %d: %d times, %d %s", i, masks[k], (int)n, (int)got.times,
				(int)got.n, got.why);
			b.records.p[i] ^= (char)masks[k];
		}
	book_close(&b);
}

Test(audit_check, the_same_without_any_checkpoint)
{
	book b;

	book_open(&b, SMALL, SMALL + 1);
	for (size_t i = 0; i < b.records.n; i++) {
		int64_t n = line_of(buf_str(&b.records), i);
		b.records.p[i] ^= 1;
		named got = verified_whole(&b);
		cr_expect(got.times && got.n == n, "byte %zu of record %d: %d %s", i, (int)n, (int)got.n, got.why);
		b.records.p[i] ^= 1;
	}
	book_close(&b);
}

Test(audit_check, random_bytes_of_a_longer_chain_are_named_too)
{
	uint64_t seed = 20261121;
	book b;

	book_open(&b, LARGE, EVERY);
	cr_expect_eq(verified_whole(&b).times, 0);
	for (int i = 0; i < RANDOM_FLIPS; i++) {
		seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
		size_t at = (size_t)(seed >> 20) % b.records.n;
		uint8_t mask = (uint8_t)(1u << (seed >> 10 & 7));
		int64_t n = line_of(buf_str(&b.records), at);
		b.records.p[at] ^= (char)mask;
		named got = verified_whole(&b);
		cr_expect(got.times && got.n == n, "byte %zu ^ %02x of record %d: %d %s", at, mask, (int)n, (int)got.n,
			got.why);
		b.records.p[at] ^= (char)mask;
	}
	book_close(&b);
}

Test(audit_check, no_byte_of_a_checkpoint_may_change)
{
	book b;

	book_open(&b, SMALL, SEAL_AT);
	for (size_t i = 0; i < b.seals.n; i++) {
		b.seals.p[i] ^= 1;
		cr_expect(verified_whole(&b).times > 0, "byte %zu: %.80s", i, b.seals.p + i);
		b.seals.p[i] ^= 1;
	}
	book_close(&b);
}

/* Cuts the lines [from, to) out, counted from 0. */
static void lines_cut(buf *text, int from, int to)
{
	size_t begin = 0, end = 0, at = 0;

	for (int number = 0; at < text->n; number++) {
		if (number == from)
			begin = at;
		while (text->p[at] != '\n')
			at++;
		at++;
		if (number + 1 == to)
			end = at;
	}
	memmove(text->p + begin, text->p + end, text->n - end);
	text->n -= end - begin;
}

Test(audit_check, what_is_missing_is_named)
{
	static const struct {
		int from, to;
		int64_t n;
	} rows[] = {{0, 1, 1}, {3, 4, 4}, {2, 6, 3}, {7, 9, 8}, {8, 9, 9}};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		book b;
		book_open(&b, SMALL, 3);
		lines_cut(&b.records, rows[i].from, rows[i].to);
		named got = verified_whole(&b);
		cr_expect(got.times && got.n == rows[i].n, "lines %d to %d: %d %s", rows[i].from, rows[i].to,
			(int)got.n, got.why);
		book_close(&b);
	}
}

Test(audit_check, a_segment_begins_right_behind_a_checkpoint_and_nowhere_else)
{
	for (int cut = 1; cut < SMALL; cut++) {
		book b;
		book_open(&b, SMALL, SEAL_AT);
		lines_cut(&b.records, 0, cut);
		named got = verified_whole(&b);
		cr_expect_eq(got.times == 0, cut % SEAL_AT == 0, "%d: %s", cut, got.why);
		book_close(&b);
	}
}

/* The whole chain written anew, as who owns the database can do: every link holds, and the signature is of other
 * records.
 */
Test(audit_check, a_chain_written_anew_is_not_the_one_that_was_signed)
{
	book b, forged;

	book_open(&b, SMALL, SEAL_AT);
	book_open(&forged, 0, SEAL_AT);
	for (int64_t n = 1; n <= SMALL; n++)
		record_add(&forged,
			n == 2 ? str_print(forged.a, "{\"n\":2,\"actor\":\"nobody\"}") : record_of(&forged, n));
	cr_expect_eq(verified(&b, S(""), buf_str(&forged.records)).times, 0);
	named got = verified(&b, buf_str(&b.seals), buf_str(&forged.records));
	cr_expect(got.times && got.is_seal && got.n == SEAL_AT, "%s", got.why);
	book_close(&forged);
	book_close(&b);
}

static str proof_line(book *b, int64_t n)
{
	merkle_source from = tiles_source(&b->tiles);
	merkle_hash path[MERKLE_PATH_MAX];
	uint32_t path_n;
	buf out;

	cr_assert(merkle_path(&from, n - 1, b->last.size, path, &path_n));
	buf_init(&out, TEXT_MAX);
	buf_printf(&out, "{\"chain\":\"g\",\"n\":%lld,\"path\":[", (long long)n);
	for (uint32_t i = 0; i < path_n; i++) {
		hex_put(&out, i ? ",\"" : "\"", path[i].v, MERKLE_HASH);
		buf_add_char(&out, '"');
	}
	buf_printf(&out, "],\"checkpoint\":" STR_FMT, STR_ARG(b->last_body));
	hex_put(&out, ",\"signature\":\"", b->last_signature.p, b->last_signature.n);
	buf_printf(&out, "\",\"record\":" STR_FMT "}\n", STR_ARG(record_of(b, n)));
	str made = str_dup(b->a, buf_str(&out));
	buf_done(&out);
	return made;
}

Test(audit_check, a_proof_holds_by_itself_and_none_of_its_bytes_may_change)
{
	book b;

	book_open(&b, SMALL - 1, SEAL_AT);
	for (int64_t n = 1; n <= b.last.size; n++) {
		str proof = proof_line(&b, n);
		cr_expect_eq(verified(&b, S(""), proof).times, 0);
		for (uint32_t i = 0; i < proof.n; i++) {
			((char *)proof.p)[i] ^= 1;
			cr_expect(verified(&b, S(""), proof).times > 0, "byte %u: %.60s", i, proof.p + i);
			((char *)proof.p)[i] ^= 1;
		}
	}
	book_close(&b);
}

Test(audit_check, another_key_is_not_ours)
{
	book b, other;

	book_open(&b, SMALL, SEAL_AT);
	book_open(&other, 0, SEAL_AT);
	memcpy(b.public, other.public, sizeof(b.public));
	named got = verified_whole(&b);
	cr_expect(got.times && got.is_seal, "%s", got.why);
	book_close(&other);
	book_close(&b);
}

Test(audit_check, a_column_that_the_server_found_to_differ_is_named)
{
	book b;

	book_open(&b, 2, 3);
	str whole = str_dup(b.a, buf_str(&b.records));
	const char *second = strchr(whole.p, '\n') + 1;
	str head = S("{\"chain\":\"g\",");
	buf_clear(&b.records);
	buf_add(&b.records, whole.p, (size_t)(second - whole.p));
	buf_printf(&b.records, STR_FMT "\"differs\":\"actor\"," STR_FMT, STR_ARG(head),
		(int)(whole.n - (size_t)(second - whole.p) - head.n), second + head.n);
	named got = verified_whole(&b);
	cr_expect(got.n == 2 && strstr(got.why, "actor"), "%d %s", (int)got.n, got.why);
	book_close(&b);
}
