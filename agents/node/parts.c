#include "agents/node/parts.h"
#include <assert.h>
#include <string.h>
#include <unistd.h>

void parts_node(parts *p, const char *host, const char *container)
{
	for (uint32_t i = 0; i < p->n_nodes; i++)
		if (strcmp(p->nodes[i].container, container) == 0)
			return;
	if (p->n_nodes < PARTS_MAX && access(host, F_OK) == 0)
		p->nodes[p->n_nodes++] = (cdi_node){host, container};
}

void parts_mount(parts *p, const char *host, const char *container, bool is_read_only, bool may_execute)
{
	assert(p->n_mounts < PARTS_MAX);
	p->mounts[p->n_mounts++] = (cdi_mount){host, container, is_read_only, may_execute};
}

void parts_variable(parts *p, const char *name, const char *value)
{
	assert(p->n_variables < PARTS_VARIABLES);
	p->variables[p->n_variables++] = (cdi_variable){name, value};
}
