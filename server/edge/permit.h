/* permit: the first wall: whether a caller may do what they ask for. The second is row-level security in PostgreSQL.
 *
 * Every question about rights is asked here. Built with REEVE_WITHOUT_RIGHTS, as one program of the tests alone is, the
 * answers are always yes, and what a caller still cannot reach is what the second wall holds.
 */
#pragma once
#include "server/identity/principal.h"

/* Whether the right is held anywhere: whether a route is open at all. */
bool permit_anywhere(const principal *p, right r);
/* Whether it is held at that tenant. */
bool permit_at(const principal *p, right r, int64_t tenant_key);
/* Whether it is held for the whole fleet. */
bool permit_for_fleet(const principal *p, right r);
/* Whether all of `rights` are held at that tenant: nobody grants more than they hold. */
bool permit_grant(const principal *p, uint64_t rights, int64_t tenant_key);
/* Whether they are held at that path until then at least: nobody grants for longer than they hold. */
bool permit_grant_until(const principal *p, uint64_t rights, str path, int64_t until_us);
/* The rows that may be touched with the right. */
db_scope permit_scope(const principal *p, right r);
/* Whether a credential may be used from that address. */
bool permit_address(const principal *p, const char *address);
