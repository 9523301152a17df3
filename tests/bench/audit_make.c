/* audit_make RECORDS EVERY FOLDER: a governance chain as a server exports it, with a signed checkpoint every so many
 * records: FOLDER/records.ndjson, checkpoints.ndjson, key.pem and key. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "net/digest.h"
#include "proof/checkpoint.h"

enum { PATH_BYTES = 4096, LINE_BYTES = 4096, BEGIN_S = 1795255200 };

typedef struct maker {
	const char *folder;
	signing_key *key;
	merkle tree;
	merkle_hash hash, prev;
	bool has_prev;
	buf line;
	FILE *records, *seals;
} maker;

static FILE *file_of(const maker *m, const char *name)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", m->folder, name);
	FILE *out = fopen(path, "we");
	if (!out) {
		perror(path);
		exit(1);
	}
	return out;
}

static void key_make(maker *m)
{
	AUTO_ARENA a = arena_new(0);
	char path[PATH_BYTES];
	uint8_t key[SIGNATURE_KEY];
	fault f = {0};

	snprintf(path, sizeof(path), "%s/key", m->folder);
	if (signing_key_ensure(path, &f) || signing_key_open(path, &m->key, &f)) {
		fprintf(stderr, "%s\n", f.detail);
		exit(1);
	}
	signing_key_public(m->key, key);
	str pem = public_key_pem(key, a);
	FILE *out = file_of(m, "key.pem");
	fwrite(pem.p, 1, pem.n, out);
	fclose(out);
}

/* As long as the records of a change usually are. */
static str record_of(int64_t n, char *text)
{
	char at[CLOCK_TEXT_MAX];

	clock_text((BEGIN_S + n) * 1000000, at);
	int length = snprintf(text, LINE_BYTES,
		"{\"n\":%lld,\"at\":\"%s\",\"actor\":\"tok_01M7ZHBQEMJ382R35X%08lld\",\"via\":\"api\",\"action\":\"quota.update\","
		"\"object_kind\":\"quota\",\"object_id\":\"quo_01M7ZHBQEMJ382R35X00000006\",\"tenant\":\"acme/research/nlp\",\"tenant_key\":%lld,"
		"\"request_id\":\"req_01M7ZHBQEMJ382R35X%08lld\",\"outcome\":\"done\",\"change\":{\"object\":{\"models\":{\"h100-80g\":{\"limit\":"
		"{\"device_milli\":%lld}}}}}}",
		(long long)n, at, (long long)n % 977, (long long)n % 1000 + 1, (long long)n, (long long)n % 64 * 1000);
	return str_of(text, (size_t)length);
}

static void record_add(maker *m, int64_t n)
{
	char text[LINE_BYTES];
	str record = record_of(n, text);
	const str parts[] = {{(const char *)m->hash.v, MERKLE_HASH}, record};
	merkle_hash leaf, next;

	digest_sha256(parts, 2, next.v);
	m->hash = next;
	merkle_leaf(record, &leaf);
	merkle_append(&m->tree, &leaf);
	buf_clear(&m->line);
	buf_add_str(&m->line, S("{\"chain\":\"g\",\"hash\":\""));
	hex_add(&m->line, m->hash.v, MERKLE_HASH);
	buf_add_str(&m->line, S("\",\"record\":"));
	buf_add_str(&m->line, record);
	buf_add_str(&m->line, S("}\n"));
	fwrite(m->line.p, 1, m->line.n, m->records);
}

static void seal_add(maker *m)
{
	checkpoint c = {.chain = 'g',
		.size = m->tree.size,
		.hash = m->hash,
		.prev = m->prev,
		.has_prev = m->has_prev,
		.at_us = (BEGIN_S + m->tree.size) * 1000000};
	uint8_t signature[SIGNATURE_BYTES];
	merkle_hash frontier[MERKLE_LEVELS];

	merkle_root(&m->tree, &c.root);
	signing_key_public(m->key, c.key);
	buf_clear(&m->line);
	checkpoint_write(&c, &m->line);
	signing_key_sign(m->key, buf_str(&m->line), signature);
	checkpoint_digest(buf_str(&m->line), &m->prev);
	m->has_prev = true;
	fprintf(m->seals, "{\"checkpoint\":" STR_FMT ",\"signature\":\"", STR_ARG(buf_str(&m->line)));
	buf_clear(&m->line);
	hex_add(&m->line, signature, sizeof(signature));
	buf_add_str(&m->line, S("\",\"frontier\":\""));
	hex_add(&m->line, frontier, merkle_frontier(&m->tree, frontier) * sizeof(*frontier));
	fprintf(m->seals, STR_FMT "\"}\n", STR_ARG(buf_str(&m->line)));
}

int main(int argc, char **argv)
{
	static const str nothing = {"", 0};
	maker m = {0};

	if (argc != 4)
		return 2;
	int64_t records = atoll(argv[1]), every = atoll(argv[2]);
	m.folder = argv[3];
	buf_init(&m.line, LINE_BYTES * 4);
	key_make(&m);
	m.records = file_of(&m, "records.ndjson");
	m.seals = file_of(&m, "checkpoints.ndjson");
	digest_sha256(&nothing, 1, m.hash.v);
	for (int64_t n = 1; n <= records; n++) {
		record_add(&m, n);
		if (n % every == 0)
			seal_add(&m);
	}
	fclose(m.records);
	fclose(m.seals);
	signing_key_close(m.key);
	buf_done(&m.line);
	return 0;
}
