#include "agents/cluster/journal.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include "base/arena.h"
#include "agents/file.h"

#define MAGIC           "RVJRNL1\n"
#define QUEUE_BYTES_MAX ((size_t)2 << 30)

struct journal {
	char *path;
	int fd;
	int64_t end;      /* of the last whole record */
	int64_t tidy_end; /* after the last rewrite */
	int64_t torn_bytes;
	buf queue;
};

uint32_t journal_crc(str bytes)
{
	/* Of each half byte, for the reflected polynomial 0x82f63b78. */
	static const uint32_t table[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9, 0xc38d26c4, 0xd3d3e1ab,
		0xe330a81a, 0xf36e6f75};
	uint32_t crc = ~0u;

	for (uint32_t i = 0; i < bytes.n; i++) {
		crc ^= (uint8_t)bytes.p[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

static uint32_t number_get(const char *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static void number_put(char *p, uint32_t v)
{
	for (int i = 0; i < 4; i++)
		p[i] = (char)(v >> 8 * i & 0xff);
}

/* The record that starts at `at`; absent when it is torn. */
static str record_at(str file, size_t at)
{
	if (at + JOURNAL_HEAD_BYTES > file.n)
		return STR_NONE;
	uint32_t n = number_get(file.p + at), crc = number_get(file.p + at + 4);
	if (n > JOURNAL_RECORD_MAX || at + JOURNAL_HEAD_BYTES + n > file.n)
		return STR_NONE;
	str record = {file.p + at + JOURNAL_HEAD_BYTES, n};
	return journal_crc(record) == crc ? record : STR_NONE;
}

static err journal_replay(journal *j, void (*on_record)(void *arg, str record), void *arg, fault *f)
{
	AUTO_ARENA a = arena_new(FILE_BYTES_MAX);
	str file, record;

	err e = file_read(j->path, a, &file, f);
	if (e)
		return e;
	if (file.n < JOURNAL_MAGIC_BYTES) {
		buf_add_str(&j->queue, S(MAGIC));
		j->torn_bytes = file.n;
		return ftruncate(j->fd, 0) ? fault_set(f, ERR_IO, NULL, "cannot cut %s", j->path) : journal_flush(j, f);
	}
	if (!str_starts(file, S(MAGIC)))
		return fault_set(f, ERR_IO, NULL, "%s is not a journal of this program", j->path);
	j->end = JOURNAL_MAGIC_BYTES;
	while ((record = record_at(file, (size_t)j->end)).p) {
		on_record(arg, record);
		j->end += JOURNAL_HEAD_BYTES + (int64_t)record.n;
	}
	j->torn_bytes = (int64_t)file.n - j->end;
	if (j->torn_bytes && ftruncate(j->fd, j->end))
		return fault_set(f, ERR_IO, NULL, "cannot cut %s: errno %d", j->path, errno);
	return ERR_OK;
}

static err file_lock(journal *j, fault *f)
{
	j->fd = open(j->path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	if (j->fd < 0)
		return fault_set(f, ERR_IO, NULL, "cannot open %s: errno %d", j->path, errno);
	if (flock(j->fd, LOCK_EX | LOCK_NB))
		return fault_set(f, ERR_CONFLICT, NULL, "%s is in use by another process", j->path);
	return ERR_OK;
}

err journal_open(const char *path, void (*on_record)(void *arg, str record), void *arg, journal **ret, fault *f)
{
	journal *j = calloc(1, sizeof(*j));

	assert(j);
	j->path = strdup(path);
	assert(j->path);
	buf_init(&j->queue, QUEUE_BYTES_MAX);
	err e = file_lock(j, f);
	if (!e)
		e = journal_replay(j, on_record, arg, f);
	if (e) {
		journal_close(j);
		return e;
	}
	*ret = j;
	return ERR_OK;
}

void journal_close(journal *j)
{
	if (!j)
		return;
	if (j->fd >= 0)
		(void)close(j->fd);
	buf_done(&j->queue);
	free(j->path);
	free(j);
}

void journal_add(journal *j, str record)
{
	char head[JOURNAL_HEAD_BYTES];

	assert(record.n <= JOURNAL_RECORD_MAX);
	number_put(head, record.n);
	number_put(head + 4, journal_crc(record));
	buf_add(&j->queue, head, sizeof(head));
	buf_add_str(&j->queue, record);
	assert(!j->queue.over);
}

bool journal_is_dirty(const journal *j)
{
	return j->queue.n > 0;
}

err journal_flush(journal *j, fault *f)
{
	if (!j->queue.n)
		return ERR_OK;
	err e = file_append(j->fd, j->end, buf_str(&j->queue), f);
	if (e)
		return e;
	j->end += (int64_t)j->queue.n;
	buf_clear(&j->queue);
	return ERR_OK;
}

err journal_rewrite(journal *j, void (*write_all)(void *arg, journal *j), void *arg, fault *f)
{
	err e = journal_flush(j, f);
	if (e)
		return e;
	buf_add_str(&j->queue, S(MAGIC));
	write_all(arg, j);
	e = file_write(j->path, 0600, buf_str(&j->queue), f);
	int64_t end = (int64_t)j->queue.n;
	buf_clear(&j->queue);
	if (e)
		return e;
	/* The lock goes with the old file: nobody else can have locked the new one, which bore another name until now.
	 */
	(void)close(j->fd);
	j->end = j->tidy_end = end;
	return file_lock(j, f);
}

bool journal_is_stale(const journal *j, int64_t n_bytes)
{
	return j->end > n_bytes && j->end > j->tidy_end * JOURNAL_STALE_TIMES;
}

int64_t journal_torn_bytes(const journal *j)
{
	return j->torn_bytes;
}
