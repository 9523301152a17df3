/* A trace goes on from what is well-formed, and begins anew from anything else. */
#include <criterion/criterion.h>
#include <string.h>

#include "server/edge/traceparent.h"

#define ID   "0af7651916cd43dd8448eb211c80319c"
#define SPAN "b7ad6b7169203331"

static const struct {
	const char *header, *flags;
	bool goes_on;
} rows[] = {
	{"00-" ID "-" SPAN "-01", "01", true},
	{" 00-" ID "-" SPAN "-00 ", "00", true},
	{"cc-" ID "-" SPAN "-01-what-comes-later", "01", true},
	{"cc-" ID "-" SPAN "-01.later", "00", false},
	{"00-" ID "-" SPAN "-01-more", "00", false},
	{"ff-" ID "-" SPAN "-01", "00", false},
	{"00-0AF7651916CD43DD8448EB211C80319C-" SPAN "-01", "00", false},
	{"00-00000000000000000000000000000000-" SPAN "-01", "00", false},
	{"00-" ID "-0000000000000000-01", "00", false},
	{"00-" ID "-" SPAN "-0", "00", false},
	{"00-" ID "-" SPAN, "00", false},
	{"00-" ID "x-" SPAN "-01", "00", false},
	{"", "00", false},
	{NULL, "00", false},
};

Test(traceparent, goes_on_or_begins)
{
	traceparent_source s = traceparent_source_new();
	char before[TRACEPARENT_SPAN + 1] = "";

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		const char *h = rows[i].header;
		char parent[TRACEPARENT_MAX];
		traceparent t;
		traceparent_begin(&s, h ? str_from(h) : STR_NONE, &t);
		cr_expect_eq(strcmp(t.id, ID) == 0, rows[i].goes_on, "%s", h);
		cr_expect_eq(strlen(t.id), (size_t)TRACEPARENT_ID);
		cr_expect_str_eq(t.flags, rows[i].flags, "%s", h);
		cr_expect_str_neq(t.span, SPAN);
		cr_expect_str_neq(t.span, before);
		memcpy(before, t.span, sizeof(before));
		traceparent_print(&t, parent);
		traceparent again;
		traceparent_begin(&s, str_from(parent), &again);
		cr_expect_str_eq(again.id, t.id, "what we print we read");
	}
}
