/* seal: makes the checkpoints of both chains, signs them and tells the world.
 *
 * A chain gets one when `records` are new, or when any are and the newest is `every_ms` old. The leaves are hashed in
 * the database and the tree goes on from the frontier in the newest checkpoint's row: a checkpoint costs what is new
 * and never reads the chain again. At most one is made at a time, with a pause behind it, so that a chain that is far
 * behind is followed in small steps beside everything else.
 */
#pragma once
#include "db/lane.h"
#include "db/reader.h"

enum { SEAL_RECORDS_MAX = 4096, SEAL_PAUSE_MS = 200 };

typedef struct seal_options {
	const char *data_dir; /* holds audit/key.pem */
	const char *file;     /* gets a line for each; empty: none */
	const char *url;      /* gets the line as a POST, once: the next one names it; empty: none */
	int64_t records;      /* at most SEAL_RECORDS_MAX */
	int64_t every_ms;
	int64_t pause_ms; /* behind each */
	lane *write;
	db_reader *read;
} seal_options;

typedef struct seal seal;

/* Makes the key under data_dir when there is none yet. */
err seal_ensure(const char *data_dir, fault *f) MUST_CHECK;
/* The public key of the one under data_dir. */
err seal_public(const char *data_dir, uint8_t ret_key[32], fault *f) MUST_CHECK;

err seal_new(loop *l, const seal_options *o, seal **ret, fault *f) MUST_CHECK;
void seal_free(seal *s); /* NULL-safe; after the lane and the reader */
