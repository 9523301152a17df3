/* plan_keys: keys for tests that sign plans. */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <unistd.h>
#include "agents/plan_record.h"

/* A fresh key; its public half is added to *keys. */
static inline signing_key *plan_key_new(plan_keys *keys)
{
	char folder[] = "/tmp/reeve-plan-XXXXXX", path[64];
	signing_key *k = NULL;
	fault f = {0};

	cr_assert(mkdtemp(folder));
	(void)snprintf(path, sizeof(path), "%s/key", folder);
	cr_assert_eq(signing_key_ensure(path, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(signing_key_open(path, &k, &f), ERR_OK, "%s", f.detail);
	(void)unlink(path);
	(void)rmdir(folder);
	cr_assert(keys->n < PLAN_KEYS_MAX);
	signing_key_public(k, keys->v[keys->n++]);
	return k;
}
