#include <criterion/criterion.h>
#include "net/sse.h"

#define COUNT(table) (sizeof(table) / sizeof((table)[0]))

Test(sse, an_event_is_one_block_of_lines)
{
	const struct {
		str id, event, data;
		const char *text;
	} rows[] = {
		{STR_NONE, STR_NONE, {"{}", 2}, "data: {}\n\n"},
		{{"g1.p2", 5}, {"change", 6}, {"{}", 2}, "id: g1.p2\nevent: change\ndata: {}\n\n"},
		{STR_NONE, STR_NONE, {"a\nb", 3}, "data: a\ndata: b\n\n"},
		{STR_NONE, STR_NONE, {"a\r\nb\rc", 6}, "data: a\ndata: b\ndata: c\n\n"},
		{STR_NONE, STR_NONE, {"a\n", 2}, "data: a\ndata: \n\n"},
		{STR_NONE, STR_NONE, {"a\r", 2}, "data: a\ndata: \n\n"},
		{STR_NONE, STR_NONE, {"\n\nevent: x", 10}, "data: \ndata: \ndata: event: x\n\n"},
		{STR_NONE, STR_NONE, STR_NONE, "data: \n\n"},
		{{"", 0}, STR_NONE, {"x", 1}, "id: \ndata: x\n\n"},
		{{"1\ndata: y", 9}, {"a\r\nid: 2", 8}, {"x", 1}, "id: 1data: y\nevent: aid: 2\ndata: x\n\n"},
		{{"1\0"
		  "2",
			 3},
			STR_NONE, {"x", 1}, "id: 12\ndata: x\n\n"},
	};

	for (size_t i = 0; i < COUNT(rows); i++) {
		buf b;
		buf_init(&b, 1 << 16);
		sse_event(&b, rows[i].id, rows[i].event, rows[i].data);
		cr_expect(str_eq(buf_str(&b), str_from(rows[i].text)), "row %zu: " STR_FMT, i, STR_ARG(buf_str(&b)));
		buf_done(&b);
	}
}

Test(sse, a_comment_stays_a_comment_on_every_line)
{
	buf b;

	buf_init(&b, 1 << 16);
	sse_comment(&b, S("still here\ndata: no"));
	cr_expect(str_eq(buf_str(&b), S(": still here\n: data: no\n\n")));
	buf_done(&b);
}
