#include "api/rights.h"

#define B(id)                                ((uint64_t)1 << RIGHT_##id)
#define ROLE(name, is_platform, rights, doc) {name, doc, is_platform, (rights) & (((uint64_t)1 << RIGHT_COUNT) - 1)},
const role_row roles[] = {
#include "roles.def"
};
#undef ROLE
#undef B
const uint32_t roles_n = sizeof(roles) / sizeof(*roles);

const role_row *role_find(str name)
{
	for (uint32_t i = 0; i < roles_n; i++)
		if (str_eq(name, str_from(roles[i].name)))
			return &roles[i];
	return NULL;
}

const char *right_name(right r)
{
	static const char *const names[] = {
#define RIGHT(id, name, doc) name,
#include "rights.def"
#undef RIGHT
	};

	return r < RIGHT_COUNT ? names[r] : "none";
}

const char *right_doc(right r)
{
	static const char *const docs[] = {
#define RIGHT(id, name, doc) doc,
#include "rights.def"
#undef RIGHT
	};

	return r < RIGHT_COUNT ? docs[r] : "";
}
