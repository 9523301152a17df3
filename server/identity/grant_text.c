#include "server/identity/grant_text.h"

#include "base/buf.h"

enum { TEXT_MAX = 2 << 20 };

str grants_text(arena *a, const grants *g)
{
	buf out;

	buf_init(&out, TEXT_MAX);
	for (uint32_t i = 0; i < g->n; i++)
		buf_printf(&out, "%d %llu %lld " STR_FMT "\n", (int)g->v[i].tenant_key,
			(unsigned long long)g->v[i].rights, (long long)g->v[i].until_us, STR_ARG(g->v[i].tenant));
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	return text;
}

grants grants_of_text(arena *a, str text)
{
	grants all = {ARENA_ARRAY(a, grant, GRANTS_MAX), 0};

	while (text.n && all.n < GRANTS_MAX) {
		str path = str_split(&text, '\n'), key = str_split(&path, ' '), rights = str_split(&path, ' '),
		    until = str_split(&path, ' ');
		grant *g = &all.v[all.n];
		int64_t number;
		if (!path.p || !str_to_i64(key, &number) || !str_to_u64(rights, &g->rights) ||
			!str_to_i64(until, &g->until_us))
			break;
		g->tenant_key = (int32_t)number;
		g->tenant = path;
		all.n++;
	}
	return all;
}
