#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/audit/check.h"
#include "cli/command.h"

enum { PEM_BYTES_MAX = 16 * 1024, MB = 1000000 };

typedef struct verify_settings {
	const char *key;
} verify_settings;

static const setting rows[] = {
	{.name = "key",
		.kind = SETTING_TEXT,
		.at = offsetof(verify_settings, key),
		.initial = "",
		.help = "PEM file of the server's public key (GET /v1/audit/key). Needed for checkpoints and proofs."},
};
static const setting_table table = {
	.program = "reeve verify-audit",
	.usage = "[options] FILE...",
	.about =
		"Checks audit records without a server: numbers without gaps, every hash, signed checkpoints, proofs.\n"
		"A FILE holds lines of GET /v1/audit or /v1/audit/checkpoints as application/x-ndjson, or an answer of\n"
		"/v1/audit/{n}/proof or /v1/audit/checkpoints:consistency and a newline. Take the checkpoints before the\n"
		"records: one that reaches beyond the last record says that records are missing. Records may begin right\n"
		"behind a checkpoint. Exit status: 0 everything holds, 1 something does not and is named, 2 wrong use.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

typedef struct mapped {
	const char *name;
	str text;
} mapped;

static err file_map(const char *name, mapped *ret, fault *f)
{
	struct stat st;
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	bool ok = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode);
	void *p = NULL;

	*ret = (mapped){.name = name, .text = S("")};
	if (ok && (uint64_t)st.st_size > UINT32_MAX)
		fault_set(f, ERR_IO, NULL, "%s: is larger than 4 GiB; give it in parts of whole lines", name);
	else if (!ok)
		fault_set(f, ERR_IO, NULL, "%s: %s", name, fd < 0 ? strerror(errno) : "is not a regular file");
	else if (st.st_size) {
		p = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (p == MAP_FAILED)
			fault_set(f, ERR_IO, NULL, "%s: %s", name, strerror(errno));
		else
			ret->text = str_of(p, (size_t)st.st_size);
	}
	if (fd >= 0)
		close(fd);
	return f->detail[0] ? ERR_IO : ERR_OK;
}

static void file_unmap(mapped *m)
{
	if (m->text.n)
		munmap((void *)(uintptr_t)m->text.p, m->text.n);
}

static err key_read(const char *path, uint8_t ret[SIGNATURE_KEY], fault *f)
{
	char pem[PEM_BYTES_MAX];
	FILE *in = fopen(path, "re");

	if (!in)
		return fault_set(f, ERR_IO, NULL, "%s: %s", path, strerror(errno));
	size_t n = fread(pem, 1, sizeof(pem), in);
	fclose(in);
	if (!public_key_read(str_of(pem, n), ret))
		return fault_set(f, ERR_IO, NULL, "%s: holds no Ed25519 public key in PEM form", path);
	return ERR_OK;
}

static void bad_print(void *arg, const check_bad *b)
{
	int64_t *named = arg;

	if (++*named > CHECK_NAMED_MAX)
		return;
	printf("BAD ");
	if (b->chain)
		printf("%c ", b->chain);
	if (b->n)
		printf("%s %lld: ", b->is_seal ? "checkpoint" : "record", (long long)b->n);
	printf("%s", b->why);
	if (b->file)
		printf(" (%s, line %lld)", b->file, (long long)b->line);
	printf("\n");
	if (*named == CHECK_NAMED_MAX)
		printf("    and so on: the first %d are named\n", CHECK_NAMED_MAX);
}

static void chain_print(const check_chain *h)
{
	if (!h->has_begun)
		return;
	printf("%c: records %lld to %lld", h->name, (long long)h->first, (long long)h->walk.n);
	if (!h->bad)
		printf(" hold");
	else if (h->first_bad > h->first)
		printf(": %lld to %lld hold, then %lld bad, the first is %lld", (long long)h->first,
			(long long)h->first_bad - 1, (long long)h->bad, (long long)h->first_bad);
	else
		printf(": %lld bad, the first is %lld", (long long)h->bad, (long long)h->first_bad);
	printf("; %lld of %u checkpoints met\n", (long long)h->seals_met, h->seals.n);
}

static void sum_print(const check *c, int64_t us)
{
	int64_t records = c->chains[0].records + c->chains[1].records;
	int64_t bytes = c->chains[0].bytes + c->chains[1].bytes;

	chain_print(&c->chains[0]);
	chain_print(&c->chains[1]);
	if (c->proofs)
		printf("%lld proofs\n", (long long)c->proofs);
	printf("%lld records, %lld MB in %lld ms: %lld records/s\n", (long long)records, (long long)(bytes / MB),
		(long long)(us / 1000), (long long)(us ? records * MB / us : 0));
	printf("%s\n", c->bad ? "does NOT hold" : "everything holds");
}

static int files_check(mapped *files, int n, const uint8_t *key)
{
	int64_t named = 0, begun_us = clock_mono_us();
	check c;

	check_begin(&c, key, bad_print, &named);
	for (int i = 0; i < n; i++)
		check_seals(&c, files[i].name, files[i].text);
	check_seals_end(&c);
	for (int i = 0; i < n; i++)
		check_records(&c, files[i].name, files[i].text);
	bool ok = check_end(&c);
	sum_print(&c, clock_mono_us() - begun_us);
	check_done(&c);
	return ok ? 0 : 1;
}

int command_verify_audit(int argc, char **argv)
{
	verify_settings s = {0};
	fault f = {0};
	int operand = 0, open_n = 0;
	bool is_done = false;
	uint8_t key[SIGNATURE_KEY];
	AUTO_ARENA a = arena_new(0);

	if (setting_read(&table, &s, NULL, argc, argv, &operand, &is_done, &f))
		return command_fail("verify-audit", &f, 2);
	if (is_done)
		return 0;
	if (operand == argc) {
		fault_set(&f, ERR_SETTING, NULL, "needs a FILE; see reeve verify-audit --help");
		return command_fail("verify-audit", &f, 2);
	}
	mapped *files = ARENA_ARRAY(a, mapped, argc - operand);
	err e = *s.key ? key_read(s.key, key, &f) : ERR_OK;
	while (!e && open_n < argc - operand) {
		e = file_map(argv[operand + open_n], &files[open_n], &f);
		open_n++;
	}
	int code = e ? command_fail("verify-audit", &f, 2) : files_check(files, open_n, *s.key ? key : NULL);
	for (int i = 0; i < open_n; i++)
		file_unmap(&files[i]);
	return code;
}
