/* lend: quota lent to clusters, as the placer keeps it (engine/lease.h has the rules).
 *
 * Per tenant, model and cluster there is one `lent`, once something was lent. What a cluster may hold of it is charged
 * to the tenant: as placements, those that the cluster told it had let in, and the rest as headroom, beside them. Who
 * lends how much is the tenant's policy (sharing.lease_percent): that part of what is guaranteed to the tenant itself,
 * in equal parts to the clusters that have devices of the model, in whole devices. Mode `soft` lends beyond the
 * guarantee too, as far as the tenant may borrow. Once a second each lent is compared with that and a new offer is made
 * where it has become a quarter too small or too large. A budget that blocks is charged what the headroom can use while
 * the server is away, for offline_s, and no more is lent than that leaves.
 *
 * A turn that changes a lent cannot be undone: the books are built anew then.
 */
#pragma once
#include "api/types/agent.h"
#include "db/sql.h"
#include "engine/lease.h"
#include "server/placer/turn.h"

enum {
	LEND_EVERY_US = 1000 * 1000,
	LEND_OFFLINE_S = 86400,
	LEND_OFFLINE_SHORT_S = 600,
	LEND_SILENT_S = 180, /* agents with loans speak once a minute */
};

struct lent {
	int32_t tenant_key, model, cluster; /* handles, but the tenant */
	lease l;
	lease_mode mode;
	int64_t offline_s;
	amounts booked;      /* by placements that the cluster let in by itself */
	amounts headroom;    /* charged beside them */
	booking_spend spend; /* of the headroom, as budgets count it */
	int64_t moved;       /* when its last offer was made, counting those of all */
	bool is_touched;     /* in this turn */
};

/* At the start of a term, after the placements, in this order. */
void lend_load_pods(books *b, const sql_load_pods_row *rows, uint32_t n);
void lend_load(books *b, const sql_load_leases_row *rows, uint32_t n);
void lents_done(lents *l);

bool lend_is_due(const books *b, int64_t now_us);
void lend_review(turn *t, books *b);

/* What a cluster holds, as its agent said in one item of a report. */
void lend_hear(turn *t, books *b, site *s, const report_item *item);
/* A plan that the cluster let in by itself is booked, or given back. */
void lend_booked(turn *t, books *b, const booking *k, int sign);
