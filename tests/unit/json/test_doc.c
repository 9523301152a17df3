#include <criterion/criterion.h>
#include "json/doc.h"

typedef struct doc_case {
	const char *text;
	err e;
	const char *pointer;
} doc_case;

static const doc_case reads[] = {
	{"{\"a\":[1,\"x\",null,{\"b\":true}]}", ERR_OK, ""},
	{"9007199254740991", ERR_OK, ""},
	{"{\"a\":1,\"a\":1}", ERR_DUPLICATE_KEY, "#"},
	{"{\"b\":{\"a\":1,\"c\":2,\"\\u0061\":1}}", ERR_DUPLICATE_KEY, "#"},
	{"{\"a\":[0,1.5]}", ERR_NOT_AN_INTEGER, "#/a/1"},
	{"{\"a\":1e2}", ERR_NOT_AN_INTEGER, "#/a"},
	{"{\"a\":9007199254740992}", ERR_BAD_FIELD, "#/a"},
	{"[-9007199254740992]", ERR_BAD_FIELD, "#/0"},
	{"[99999999999999999999999]", ERR_BAD_FIELD, "#"},
	{"[\"\\u0000\"]", ERR_BAD_FIELD, "#"},
	{"{\"\\u0000\":1}", ERR_BAD_FIELD, "#"},
	{"[1,]", ERR_MALFORMED_JSON, "#"},
	{"", ERR_MALFORMED_JSON, "#"},
	{"[\"\xff\"]", ERR_BAD_UTF8, "#"},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", ERR_OK, ""},
	{"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]", ERR_TOO_DEEP, "#"},
};

Test(doc, what_is_no_document_is_refused)
{
	for (size_t i = 0; i < sizeof(reads) / sizeof(*reads); i++) {
		AUTO_ARENA a = arena_new(0);
		fault f = {0};
		json_t *doc = NULL;
		err e = doc_read(str_from(reads[i].text), a, &doc, &f);

		cr_expect(e == reads[i].e, "%s: %s (%s)", reads[i].text, err_code(e), f.detail);
		cr_expect_str_eq(f.pointer, reads[i].pointer, "%s: at %s", reads[i].text, f.pointer);
		cr_expect_eq(doc != NULL, e == ERR_OK);
	}
}

Test(doc, documents_over_their_bytes_are_refused)
{
	fault f = {0};
	json_t *doc = NULL;
	char *text = malloc(DOC_BYTES_MAX + 1);

	cr_assert(text);
	memset(text, ' ', DOC_BYTES_MAX + 1);
	text[0] = '1';
	cr_expect_eq(doc_read(str_of(text, DOC_BYTES_MAX + 1), NULL, &doc, &f), ERR_LIMIT);
	cr_expect_eq(doc_read(str_of(text, DOC_BYTES_MAX), NULL, &doc, &f), ERR_OK);
	json_decref(doc);
	free(text);
}

typedef struct merge_case {
	const char *target, *patch, *merged;
} merge_case;

/* RFC 7396, appendix A. */
static const merge_case merges[] = {
	{"{\"a\":\"b\"}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"b\":\"c\"}", "{\"a\":\"b\",\"b\":\"c\"}"},
	{"{\"a\":\"b\"}", "{\"a\":null}", "{}"},
	{"{\"a\":\"b\",\"b\":\"c\"}", "{\"a\":null}", "{\"b\":\"c\"}"},
	{"{\"a\":[\"b\"]}", "{\"a\":\"c\"}", "{\"a\":\"c\"}"},
	{"{\"a\":\"c\"}", "{\"a\":[\"b\"]}", "{\"a\":[\"b\"]}"},
	{"{\"a\":{\"b\":\"c\"}}", "{\"a\":{\"b\":\"d\",\"c\":null}}", "{\"a\":{\"b\":\"d\"}}"},
	{"{\"a\":[{\"b\":\"c\"}]}", "{\"a\":[1]}", "{\"a\":[1]}"},
	{"[\"a\",\"b\"]", "[\"c\",\"d\"]", "[\"c\",\"d\"]"},
	{"{\"a\":\"b\"}", "[\"c\"]", "[\"c\"]"},
	{"{\"a\":\"foo\"}", "null", "null"},
	{"{\"a\":\"foo\"}", "\"bar\"", "\"bar\""},
	{"{\"e\":null}", "{\"a\":1}", "{\"a\":1,\"e\":null}"},
	{"[1,2]", "{\"a\":\"b\",\"c\":null}", "{\"a\":\"b\"}"},
	{"{}", "{\"a\":{\"bb\":{\"ccc\":null}}}", "{\"a\":{\"bb\":{}}}"},
	{NULL, "{\"a\":{\"b\":null,\"c\":1}}", "{\"a\":{\"c\":1}}"},
};

Test(doc, merge_patches_as_the_rfc_says_and_changes_neither_side)
{
	for (size_t i = 0; i < sizeof(merges) / sizeof(*merges); i++) {
		AUTO_ARENA a = arena_new(0);
		const merge_case *c = &merges[i];
		json_t *target = c->target ? json_loads(c->target, JSON_DECODE_ANY, NULL) : NULL;
		json_t *patch = json_loads(c->patch, JSON_DECODE_ANY, NULL);
		json_t *merged = doc_merge(target, patch);

		cr_expect(str_eq(doc_canonical(merged, a), str_from(c->merged)), "%zu: " STR_FMT, i,
			STR_ARG(doc_canonical(merged, a)));
		if (target)
			cr_expect(str_eq(doc_canonical(target, a), str_from(c->target)), "target %zu changed", i);
		cr_expect(str_eq(doc_canonical(patch, a), str_from(c->patch)), "patch %zu changed", i);
		json_decref(target);
		json_decref(patch);
		json_decref(merged);
	}
}

Test(doc, equal_documents_have_equal_canonical_bytes)
{
	AUTO_ARENA a = arena_new(0);
	json_t *one = NULL, *two = NULL;
	fault f = {0};

	cr_assert_not(doc_read(S("{\"b\":[1,{\"y\":\"\\u00e9\",\"x\":-7}],\"a\":\"\\n\"}"), a, &one, &f));
	cr_assert_not(doc_read(S(" {\"a\" : \"\\u000A\", \"b\":[ 1,{\"x\":-7,\"y\":\"\xc3\xa9\"} ] } "), a, &two, &f));
	cr_expect(doc_eq(one, two));
	cr_expect(str_eq(doc_canonical(one, a), S("{\"a\":\"\\n\",\"b\":[1,{\"x\":-7,\"y\":\"\xc3\xa9\"}]}")), STR_FMT,
		STR_ARG(doc_canonical(one, a)));
	cr_expect(str_eq(doc_canonical(one, a), doc_canonical(two, a)));
	cr_assert_not(doc_read(S("{\"b\":[{\"x\":-7,\"y\":\"\xc3\xa9\"},1],\"a\":\"\\n\"}"), a, &two, &f));
	cr_expect_not(doc_eq(one, two), "items have an order");
}
