#include "cli/simulate/policy.h"

const policy policies[] = {
	{"fragmentation", "spoil least of what the pods to come will want; learns the mix", POLICY_FRAGMENTATION,
		POLICY_FRAGMENTATION},
	{"binpack", "fill nodes and devices one after another", POLICY_BINPACK, POLICY_BINPACK},
	{"spread", "keep nodes and devices as empty as possible", POLICY_SPREAD, POLICY_SPREAD},
	{"topology", "the best linked devices, and those kept for others", POLICY_TOPOLOGY, POLICY_TOPOLOGY},
	{"cost", "the cheapest by --prices, of equally cheap ones the fullest", POLICY_COST, POLICY_COST},
	{"reference", "published fragmentation gradient descent", POLICY_REFERENCE, POLICY_REFERENCE},
	{"hami", "HAMi's defaults: binpack for nodes, spread for devices", POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD},
	{"hami-binpack", "HAMi's binpack for both", POLICY_HAMI_BINPACK, POLICY_HAMI_BINPACK},
};
const size_t policies_n = sizeof(policies) / sizeof(*policies);

const policy *policy_find(const char *name)
{
	for (size_t i = 0; i < policies_n; i++)
		if (strcmp(policies[i].name, name) == 0)
			return &policies[i];
	return NULL;
}
