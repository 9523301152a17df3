/* What the command prints of what others wrote: nothing of it speaks to a terminal or a spreadsheet. */
#include <criterion/criterion.h>

#include "cli/command.h"
#include "cli/show.h"

static const char *shown(void (*show)(buf *out, str json), const char *json)
{
	static char text[4096];
	buf out;

	buf_init(&out, sizeof(text) - 1);
	show(&out, str_from(json));
	memcpy(text, out.p, out.n);
	text[out.n] = '\0';
	buf_done(&out);
	return text;
}

Test(show, text_of_others_moves_no_cursor_and_begins_no_line)
{
	cr_expect_str_eq(shown(show_json, "{\"name\":\"a\\u001b]0;x\\u0007\",\"state\":\"x\\nowner: me\"}"),
		"name: a\\x1b]0;x\\x07\nstate: x\\nowner: me\n");
	cr_expect_str_eq(shown(show_json, "{\"\\u001b[2J\":1,\"c1\":\"\\u009b2J\",\"e\":\"\\u00e9\\u00a0\"}"),
		"\\u001b[2J: 1\nc1: \\x9b2J\ne: \xc3\xa9\xc2\xa0\n");
	cr_expect_str_eq(shown(show_json, "[\"\\r\\b\",{\"a\":[\"\\u007f\"]}]"), "- \\x0d\\x08\n- a:\n    - \\x7f\n");
}

Test(show, a_cell_is_no_formula)
{
	cr_expect_str_eq(
		shown(show_csv,
			"{\"items\":[{\"a\":\"=1+1\",\"b\":-2,\"c\":\"-x\",\"d\":\"x-\"},{\"a\":\"@\",\"b\":\"\\t\",\"c\":\"a,b\"}]}"),
		"a,b,c,d\r\n\"'=1+1\",-2,\"'-x\",x-\r\n\"'@\",\"'\t\",\"a,b\",\r\n");
}

Test(show, what_is_put_into_a_url_stays_one_value)
{
	AUTO_ARENA a = arena_new(0);
	static const struct {
		const char *text, *url;
	} cases[] = {
		{"acme/research", "acme/research"},
		{"a b", "a%20b"},
		{"x?y#z&w=v%", "x%3Fy%23z%26w%3Dv%25"},
		{"a\r\nHost: b", "a%0D%0AHost:%20b"},
		{"\xc3\xa9~._-*,:", "%C3%A9~._-*,:"},
		{"", ""},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		cr_expect(str_eq(url_text(a, str_from(cases[i].text)), str_from(cases[i].url)), "%s", cases[i].text);
}
