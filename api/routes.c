#include "api/routes.h"

#include "api/types/agent.h"
#include "api/types/audit.h"
#include "api/types/auth.h"
#include "api/types/binding.h"
#include "api/types/budget.h"
#include "api/types/cluster.h"
#include "api/types/device_class.h"
#include "api/types/inventory.h"
#include "api/types/explanation.h"
#include "api/types/manifest.h"
#include "api/types/namespace.h"
#include "api/types/permission.h"
#include "api/types/placement.h"
#include "api/types/policy.h"
#include "api/types/priority.h"
#include "api/types/plan.h"
#include "api/types/query.h"
#include "api/types/quota.h"
#include "api/types/raise.h"
#include "api/types/reservation.h"
#include "api/types/session.h"
#include "api/types/simulation.h"
#include "api/types/tenant.h"
#include "api/types/token.h"
#include "api/types/trust.h"
#include "api/types/usage.h"

enum {
	LIST = ROUTE_LIST,
	ETAG = ROUTE_ETAG,
	IF_MATCH = ROUTE_IF_MATCH,
	WRITE = ROUTE_WRITE,
	BODY_OPTIONAL = ROUTE_BODY_OPTIONAL,
	MERGE = ROUTE_MERGE,
	NEGOTIATES = ROUTE_NEGOTIATES,
	STREAM = ROUTE_STREAM,
	PLAIN = ROUTE_PLAIN,
	FORM = ROUTE_FORM,
	YAML = ROUTE_YAML,
	WRITTEN = ROUTE_WRITTEN,
	BODY_MAX = 64 * 1024,
	BODY_BIG_MAX = 4 * 1024 * 1024,
	COST_READ = 1,
	COST_WRITE = 2,
	COST_LIST = 5,
	COST_SIGN_IN = 5,
	COST_STREAM = 20,
	COST_EXCHANGE = 20,
	COST_HEAVY = 100,
};

#define R(op, method, path, right, flags, query, body, answer, status, summary)                                        \
	{#op, #method, path, RIGHT_##right, flags, query, body, answer, status, summary},
const route routes[OP_COUNT] = {
#include "routes.def"
};
#undef R

int64_t route_body_max(op o)
{
	if (!routes[o].body)
		return 0;
	return o == OP_PLACEMENT_BATCH || o == OP_AGENT_REPORT || o == OP_PLAN_CREATE ? BODY_BIG_MAX : BODY_MAX;
}

int64_t route_cost(op o)
{
	const route *t = &routes[o];

	if (o == OP_AUDIT_VERIFY || o == OP_PLACEMENT_BATCH || o == OP_PLACEMENT_SIMULATE || o == OP_POLICY_SIMULATE ||
		o == OP_CLUSTER_DEFRAGMENT || o == OP_PLAN_CREATE || o == OP_PLAN_APPLY || o == OP_EXPORT)
		return COST_HEAVY;
	if (o == OP_AUTH_TOKEN || o == OP_AUTH_BACKCHANNEL)
		return COST_EXCHANGE;
	if (o == OP_AUTH_LOGIN || o == OP_AUTH_CALLBACK || o == OP_AGENT_JOIN)
		return COST_SIGN_IN;
	if (t->flags & ROUTE_STREAM)
		return COST_STREAM;
	if (t->flags & ROUTE_LIST)
		return COST_LIST;
	return (t->flags & ROUTE_WRITE) ? COST_WRITE : COST_READ;
}

bool route_signs_in(op o)
{
	return o == OP_AUTH_TOKEN || o == OP_AUTH_BACKCHANNEL || o == OP_AUTH_LOGIN || o == OP_AUTH_CALLBACK ||
	       o == OP_AGENT_JOIN;
}

bool route_has_pages(const route *t)
{
	return (t->flags & ROUTE_LIST) && t->query;
}
