#include "agents/vendors/vendor.h"
#include "agents/vendors/makers.h"

static const vendor_rows *const makers[] = {
#define M(name) &name##_rows,
#include "agents/vendors/makers.def"
#undef M
};
enum { MAKERS = sizeof(makers) / sizeof(makers[0]) };

const vendor *vendor_at(uint32_t i)
{
	for (uint32_t k = 0; k < MAKERS; k++) {
		if (i < makers[k]->n)
			return &makers[k]->v[i];
		i -= makers[k]->n;
	}
	return NULL;
}

static bool is_named(const char *name, str what)
{
	return name && str_eq(str_from(name), what);
}

static bool has_resource(const vendor_resources *r, str name)
{
	return is_named(r->count, name) || is_named(r->memory, name) || is_named(r->memory_percent, name) ||
	       is_named(r->compute, name) || is_named(r->priority, name) || is_named(r->parts, name) ||
	       is_named(r->size, name);
}

const vendor *vendor_of_resource(str resource)
{
	for (uint32_t i = 0; vendor_at(i); i++)
		if (has_resource(&vendor_at(i)->resources, resource))
			return vendor_at(i);
	return NULL;
}

const vendor *vendor_of_node_key(str annotation)
{
	for (uint32_t i = 0; vendor_at(i); i++)
		if (is_named(vendor_at(i)->node.devices, annotation))
			return vendor_at(i);
	return NULL;
}
