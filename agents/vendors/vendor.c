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

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool vendor_has_part(str s, str part)
{
	for (uint32_t at = 0; at + part.n <= s.n; at++) {
		uint32_t n = 0;
		while (n < part.n && lower(s.p[at + n]) == lower(part.p[n]))
			n++;
		if (n == part.n)
			return true;
	}
	return false;
}

const char *vendor_cut_of(const vendor *v, str product)
{
	for (const vendor_cut *c = v->cuts; c && c->cut; c++)
		if (vendor_has_part(product, str_from(c->parts[0])) && vendor_has_part(product, str_from(c->parts[1])))
			return c->cut;
	return v->cut;
}

static bool begins(str s, str with)
{
	for (uint32_t i = 0; i < s.n && i < with.n; i++)
		if (lower(s.p[i]) != lower(with.p[i]))
			return false;
	return s.n >= with.n;
}

const vendor *vendor_of_product(const char *maker, str product)
{
	const vendor *best = NULL;

	for (uint32_t i = 0; vendor_at(i); i++) {
		const vendor *v = vendor_at(i);
		if (strcmp(v->maker, maker) == 0 && begins(product, str_from(v->word)) &&
			(!best || strlen(v->word) > strlen(best->word)))
			best = v;
	}
	return best;
}
