/* Merge patches of a quota: what is named changes, what is null goes, all else stays. */
#include <criterion/criterion.h>

#include "server/edge/quota_sheet.h"

/* clang-format off */
static const struct {
	const char *rule, *before, *patch, *after;
} rows[] = {
	{"nothing changes nothing", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}}}}", "{}", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}}},\"classes\":{},\"weight\":1000}"},
	{"one amount", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1,\"device_milli\":2}}}}", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":5}}}}", "{\"models\":{\"a\":{\"limit\":{\"device_milli\":2,\"memory_mib\":5}}},\"classes\":{},\"weight\":1000}"},
	{"an amount goes", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1,\"device_milli\":2}}}}", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":null}}}}", "{\"models\":{\"a\":{\"limit\":{\"device_milli\":2}}},\"classes\":{},\"weight\":1000}"},
	{"a kind goes", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1},\"guaranteed\":{\"memory_mib\":1}}}}", "{\"models\":{\"a\":{\"limit\":null}}}", "{\"models\":{\"a\":{\"guaranteed\":{\"memory_mib\":1}}},\"classes\":{},\"weight\":1000}"},
	{"a model goes", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}},\"b\":{\"limit\":{\"memory_mib\":1}}}}", "{\"models\":{\"a\":null}}", "{\"models\":{\"b\":{\"limit\":{\"memory_mib\":1}}},\"classes\":{},\"weight\":1000}"},
	{"one that is not there goes too", "{}", "{\"models\":{\"a\":null}}", "{\"models\":{},\"classes\":{},\"weight\":1000}"},
	{"a model comes", "{}", "{\"models\":{\"a\":{\"borrow_limit\":{\"compute_milli\":0}}}}", "{\"models\":{\"a\":{\"borrow_limit\":{\"compute_milli\":0}}},\"classes\":{},\"weight\":1000}"},
	{"an empty one does not", "{}", "{\"models\":{\"a\":{\"limit\":{}}}}", "{\"models\":{},\"classes\":{},\"weight\":1000}"},
	{"weight and credits", "{\"weight\":5}", "{\"weight\":0,\"credits_limit\":7}", "{\"models\":{},\"classes\":{},\"weight\":0,\"credits_limit\":7}"},
	{"a class comes beside its model", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}}}}", "{\"classes\":{\"a\":{\"limit\":{\"device_milli\":2}},\"a.mig-1g.5gb\":{\"limit\":{\"device_milli\":3}}}}", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}}},\"classes\":{\"a\":{\"limit\":{\"device_milli\":2}},\"a.mig-1g.5gb\":{\"limit\":{\"device_milli\":3}}},\"weight\":1000}"},
	{"a model goes and its class stays", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}}},\"classes\":{\"a\":{\"limit\":{\"device_milli\":2}}}}", "{\"models\":{\"a\":null}}", "{\"models\":{},\"classes\":{\"a\":{\"limit\":{\"device_milli\":2}}},\"weight\":1000}"},
	{"a class goes and its model stays", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}}},\"classes\":{\"a\":{\"limit\":{\"device_milli\":2}}}}", "{\"classes\":{\"a\":{\"limit\":null}}}", "{\"models\":{\"a\":{\"limit\":{\"memory_mib\":1}}},\"classes\":{},\"weight\":1000}"},
	{"reclaim comes with a grace", "{}", "{\"reclaim\":{\"after_s\":60}}", "{\"models\":{},\"classes\":{},\"weight\":1000,\"reclaim\":{\"after_s\":60,\"grace_s\":30}}"},
	{"reclaim goes", "{\"reclaim\":{\"after_s\":60,\"grace_s\":5}}", "{\"reclaim\":null}", "{\"models\":{},\"classes\":{},\"weight\":1000}"},
	{"credits go", "{\"weight\":5,\"credits_limit\":7}", "{\"credits_limit\":null}", "{\"models\":{},\"classes\":{},\"weight\":5}"},
};
/* clang-format on */

static void merge(sheet *s, const char *text, arena *a)
{
	tenant_quota q;
	fault f = {0};

	cr_assert_eq(js_read(&tenant_quota_type, str_from(text), a, &q, &f), ERR_OK, "%s: %s", text, f.detail);
	cr_assert_eq(sheet_merge(s, &q, &f), ERR_OK);
}

Test(quota_sheet, merges_as_rfc_7396_says)
{
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		AUTO_ARENA a = arena_new(0);
		sheet *s = ARENA_NEW(a, sheet);
		buf out;
		sheet_init(s);
		merge(s, rows[i].before, a);
		merge(s, rows[i].patch, a);
		sheet_trim(s);
		buf_init(&out, 4096);
		js_writer w = js_writer_on(&out);
		js_object_begin(&w);
		sheet_write(&w, s);
		js_object_end(&w);
		cr_expect(str_eq(buf_str(&out), str_from(rows[i].after)), "%s: " STR_FMT, rows[i].rule,
			STR_ARG(buf_str(&out)));
		buf_done(&out);
	}
}
