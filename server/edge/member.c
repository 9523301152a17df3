#include "server/edge/member.h"

#include "json/pull.h"

str member_find(str doc, str name)
{
	pull p;
	str key, value;
	bool has_escape;

	pull_init(&p, doc, PULL_DEPTH_CAP);
	if (pull_next(&p) != PULL_OBJECT)
		return STR_NONE;
	while (pull_key(&p, &key, &has_escape)) {
		if (pull_span(&p, &value))
			return STR_NONE;
		if (str_eq(key, name))
			return value;
	}
	return STR_NONE;
}

str member_text(str doc, str name)
{
	str s = member_find(doc, name);

	if (s.n < 2 || s.p[0] != '"')
		return STR_NONE;
	return str_cut(s, 1, s.n - 1);
}

int64_t member_i64(str doc, str name, int64_t otherwise)
{
	int64_t v;

	return str_to_i64(member_find(doc, name), &v) ? v : otherwise;
}

void member_leave_out(buf *out, str doc, str name)
{
	pull p;
	str key, value;
	bool has_escape;
	const char *comma = "";

	pull_init(&p, doc, PULL_DEPTH_CAP);
	if (pull_next(&p) != PULL_OBJECT)
		return;
	buf_add_char(out, '{');
	while (pull_key(&p, &key, &has_escape) && !pull_span(&p, &value)) {
		if (str_eq(key, name))
			continue;
		buf_printf(out, "%s\"" STR_FMT "\":", comma, STR_ARG(key));
		buf_add_str(out, value);
		comma = ",";
	}
	buf_add_char(out, '}');
}
