/* journal: an append-only file of records that survives kill -9 and power loss.
 *
 * Each record carries its length and a CRC-32C. What a crash tore off at the end is cut away when the file is opened,
 * so a reader sees a prefix of what was added, whole records only, and at least everything that was flushed.
 */
#pragma once
#include "base/buf.h"
#include "base/err.h"

enum {
	JOURNAL_RECORD_MAX = 8 << 20,
	JOURNAL_HEAD_BYTES = 8,
	JOURNAL_MAGIC_BYTES = 8,
	JOURNAL_STALE_BYTES = 16 << 20, /* for journal_is_stale, where nothing else is known */
	JOURNAL_STALE_TIMES = 4,
};

typedef struct journal journal;

/* Opens or makes the file (mode 0600) and calls on_record for each record in order. ERR_IO: it cannot be opened, or is
 * no journal. Two processes must not have it open: the second one gets ERR_CONFLICT. */
err journal_open(
	const char *path, void (*on_record)(void *arg, str record), void *arg, journal **ret, fault *f) MUST_CHECK;
void journal_close(journal *j); /* NULL-safe; what was not flushed is lost */

/* Queues one record, at most JOURNAL_RECORD_MAX bytes. */
void journal_add(journal *j, str record);
bool journal_is_dirty(const journal *j);
/* Writes what is queued and waits until the disk has it: one fsync. On ERR_IO the file ends where it ended before. */
err journal_flush(journal *j, fault *f) MUST_CHECK;
/* Replaces the whole file, atomically, by what write_all adds. */
err journal_rewrite(journal *j, void (*write_all)(void *arg, journal *j), void *arg, fault *f) MUST_CHECK;
/* Whether the file has grown to many times what the last rewrite left, so that another one is worth it; below n_bytes
 * it never is. */
bool journal_is_stale(const journal *j, int64_t n_bytes);

/* Bytes cut off at opening: 0 after an orderly end. */
int64_t journal_torn_bytes(const journal *j);
/* CRC-32C (RFC 3720, appendix B.4). */
uint32_t journal_crc(str bytes);
