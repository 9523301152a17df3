/* parts: what goes into one container, in the form that both ways of saying it share (giver.h). */
#pragma once
#include "agents/node/cdi.h"

enum { PARTS_MAX = 96, PARTS_VARIABLES = 4 };

typedef struct parts {
	cdi_node nodes[PARTS_MAX];
	uint32_t n_nodes;
	cdi_mount mounts[PARTS_MAX];
	uint32_t n_mounts;
	cdi_variable variables[PARTS_VARIABLES];
	uint32_t n_variables;
	cdi_hook hook;
	bool has_hook;
} parts;

/* Once, and only if it is there. Texts live as long as the parts do. */
void parts_node(parts *p, const char *host, const char *container);
void parts_mount(parts *p, const char *host, const char *container, bool is_read_only, bool may_execute);
void parts_variable(parts *p, const char *name, const char *value);
