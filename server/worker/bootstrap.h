/* bootstrap: the first administrator's token of a fresh installation.
 *
 * When there is no token at all, one with the role platform_admin is made and its text written to data_dir/admin-token
 * (0600). The file is written first and used again after a crash in between, so that the token in the file is always
 * the one that works.
 */
#pragma once
#include "db/ledger.h"
#include "db/reader.h"

typedef struct bootstrap bootstrap;

/* on_done runs once: OK (made, or nothing to do), or what went wrong with a sentence in f. The ledger and reader must
 * outlive it. */
bootstrap *bootstrap_begin(
	const char *data_dir, db_reader *r, ledger *g, void (*on_done)(void *arg, err e, const fault *f), void *arg);
void bootstrap_free(bootstrap *b); /* after on_done; NULL-safe */
