#include "engine/cut.h"

#include <assert.h>

typedef struct cut_row {
	const char *name, *geometry, *steps;
	class_cut cut;
} cut_row;

/* clang-format off */
static const cut_row rows[] = {
#define CUT(name, geometry, steps, mode, many, whole, count_min, counts, whole_groups, bind) \
	{name, geometry, steps, {NULL, NULL, mode, many, whole, count_min, counts, whole_groups, bind}},
#include "engine/cut.def"
#undef CUT
};
/* clang-format on */

bool cut_named(str name, class_cut *ret_cut)
{
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		if (!str_eq(name, str_from(rows[i].name)))
			continue;
		*ret_cut = rows[i].cut;
		ret_cut->geometry = geometry_find(str_from(rows[i].geometry));
		ret_cut->steps = share_steps_find(str_from(rows[i].steps));
		return true;
	}
	return false;
}

int32_t cut_count(const class_cut *cut, int32_t count, bool is_part)
{
	link_ask want = {.count = count, .count_min = cut->count_min, .counts = cut->counts};

	want.whole_groups = cut->whole_groups;
	int32_t given = link_count(&want);
	return is_part && given > 1 && cut->many == CUT_MANY_REFUSED ? 0 : given;
}

bool cut_is_set(const class_cut *cut)
{
	return cut->whole_groups > 1 || cut->bind != LINK_ANYWHERE || cut->counts || cut->count_min > 1;
}

bool cut_eq(const class_cut *a, const class_cut *b)
{
	return a->geometry == b->geometry && a->steps == b->steps && a->mode == b->mode && a->many == b->many &&
	       a->is_whole == b->is_whole && a->count_min == b->count_min && a->counts == b->counts &&
	       a->whole_groups == b->whole_groups && a->bind == b->bind;
}

bool cut_is_free(const class_cut *cut)
{
	return !cut->steps && !cut->is_whole && cut->many == CUT_MANY_PARTS && !cut_is_set(cut);
}
