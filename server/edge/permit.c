#include "server/edge/permit.h"

#ifdef REEVE_WITHOUT_RIGHTS
#ifndef __SANITIZE_ADDRESS__
#error "REEVE_WITHOUT_RIGHTS is for a program of the tests: what is installed checks rights"
#endif
enum { CHECKS = false };
#else
enum { CHECKS = true };
#endif

bool permit_anywhere(const principal *p, right r)
{
	return !CHECKS || r == RIGHT_SELF || rights_hold(p->rights, r);
}

bool permit_at(const principal *p, right r, int64_t tenant_key)
{
	return !CHECKS || principal_holds(p, r, tenant_key);
}

bool permit_for_fleet(const principal *p, right r)
{
	return !CHECKS || principal_holds_for_fleet(p, r);
}

bool permit_grant(const principal *p, uint64_t rights, int64_t tenant_key)
{
	return !CHECKS || rights_cover(principal_rights_at(p, tenant_key), rights);
}

bool permit_grant_until(const principal *p, uint64_t rights, str path, int64_t until_us)
{
	return !CHECKS || rights_cover(grants_at_until(&p->grants, path, until_us), rights);
}

/* Without the first wall the second still knows whose caller it is: by where they hold anything at all. */
db_scope permit_scope(const principal *p, right r)
{
	return principal_scope(p, CHECKS ? r : RIGHT_SELF);
}

bool permit_address(const principal *p, const char *address)
{
	for (uint32_t i = 0; i < p->n_cidrs; i++)
		if (cidr_holds(&p->cidrs[i], str_from(address)))
			return true;
	return p->n_cidrs == 0;
}
