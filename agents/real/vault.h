/* vault: the agents' Secret: who they are, and the ledger of the one that acts, which the others look at now and then.
 *
 * Both agents of a cluster are one towards the server, so key, certificate and the key that signs plans stand in the
 * Secret; each keeps them as files too (home.h), which is where they are used from. The ledger is written by the leader
 * alone, whole, by a patch that is guarded by the resourceVersion it has seen: another writer is found out by the next
 * write, whatever clocks and leases said, and then nothing more is paid here. What waits while a patch is under way is
 * written together by the next one.
 *
 *     vault_open -> on_open (identity is here)
 *     vault_take -> on_taken (the last ledger; we are the writer) -> vault_want ... on_kept
 */
#pragma once
#include "agents/cluster/home.h"
#include "agents/kube/kube.h"
#include "base/buf.h"

enum { VAULT_TEXT_MAX = 700 << 10 };
#define VAULT_AGAIN_US ((int64_t)500000)
#define VAULT_LOOK_US  ((int64_t)30 * 1000000)

typedef struct vault vault;

typedef struct vault_spec {
	loop *loop;
	kube *kube;
	str space, name; /* of the Secret; copied */
	const home *home;
	/* Once: the identity of the cluster's agents stands in home's files. */
	void (*on_open)(void *arg);
	/* What the one that acts wrote last, read by another one: soon after on_open, and when it has changed since.
	 * Optional. */
	void (*on_seen)(void *arg, str ledger);
	/* After vault_take: what stood there, absent: nothing. Valid during the call. */
	void (*on_taken)(void *arg, str ledger);
	/* Writes the ledger as it is now, with the writer and the number, by which it is known again. */
	void (*compose)(void *arg, str writer, int64_t number, buf *out);
	/* More of what was wanted is durable. */
	void (*on_kept)(void *arg);
	/* Somebody else writes there, or it is gone: this agent acts no more. Once. */
	void (*on_lost)(void *arg, const char *why);
	/* A call failed and is tried again; for the log. */
	void (*on_trouble)(void *arg, long status, str why);
	void *arg;
} vault_spec;

/* Reads the Secret, or makes it with the identity that stands in the files. */
vault *vault_open(const vault_spec *s);
void vault_close(vault *v); /* NULL-safe; before the kube */
/* We lead: reads it again and becomes its writer. */
void vault_take(vault *v);
bool vault_is_ours(const vault *v);
/* What the ledger says now is to be durable; vault_has tells whether that is so. */
int64_t vault_want(vault *v);
bool vault_has(const vault *v, int64_t number);
/* The files of the identity are others now: they go along with the next patch, which is sent. */
void vault_renew(vault *v);
