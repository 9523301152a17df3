#include "cli/pages.h"

#include <string.h>

/* The cursor of the page behind it; absent: it is the last. */
static str next_of(const client_reply *r)
{
	fetch_reply reply = {.headers = r->headers};
	str link = fetch_header(&reply, S("Link"));
	int64_t at = str_find(link, '<', 0);

	if (at < 0 || !str_ends(str_trim(link), S("rel=\"next\"")))
		return STR_NONE;
	str url = str_cut(link, (uint32_t)at + 1, link.n), rest = url;
	url = str_split(&rest, '>');
	while (url.p) {
		str pair = str_split(&url, '&'), query = pair;
		str head = str_split(&query, '?');
		pair = query.p ? query : head;
		if (str_starts(pair, S("cursor=")))
			return str_cut(pair, 7, pair.n);
	}
	return STR_NONE;
}

/* The members of {"items": [...]} behind those that stand in out. */
static void items_add(buf *out, str body, bool is_first, arena *a)
{
	str items = json_member(body, "items", a);

	items = items.n >= 2 ? str_trim(str_cut(items, 1, items.n - 1)) : S("");
	if (is_first)
		buf_add_str(out, S("{\"items\":["));
	else if (items.n)
		buf_add_char(out, ',');
	buf_add_str(out, items);
}

static void end_add(buf *out, str cursor)
{
	if (cursor.p)
		buf_printf(out, "],\"next_cursor\":\"" STR_FMT "\"}", STR_ARG(cursor));
	else
		buf_add_str(out, S("],\"next_cursor\":null}"));
}

static void table_add(buf *out, str body, bool is_first)
{
	if (!is_first)
		(void)str_split(&body, '\n');
	buf_add_str(out, body);
	if (body.n && !str_ends(body, S("\n")))
		buf_add_char(out, '\n');
}

static const char *target_of(arena *a, const char *path, int64_t limit, str cursor)
{
	str target = str_print(a, "%s%climit=%lld", path, strchr(path, '?') ? '&' : '?', (long long)limit);

	if (cursor.p)
		target = str_print(a, STR_FMT "&cursor=" STR_FMT, STR_ARG(target), STR_ARG(cursor));
	return str_z(a, target);
}

static err page_get(
	client *c, const char *url, arena *a, const char *target, const char *accept, client_reply *ret, fault *f)
{
	const char *headers[] = {str_print(a, "Accept: %s%c", accept, 0).p, NULL};

	*ret = client_call(c, a, "GET", target, headers, STR_NONE, 0);
	if (ret->e)
		return fault_set(f, ret->e, NULL, "%s: %s", url, ret->why);
	return ret->status < 200 || ret->status > 299 ? client_problem(ret, a, "GET", target, f) : ERR_OK;
}

err pages_get(client *c, const char *url, const char *path, const char *accept, int64_t most, buf *out, bool *ret_more,
	fault *f)
{
	AUTO_ARENA kept = arena_new(0);
	bool is_json = strcmp(accept, "application/json") == 0, is_first = true;
	int64_t left = most ? most : INT64_MAX;
	str cursor = STR_NONE;

	do {
		AUTO_ARENA a = arena_new(0);
		int64_t limit = left < PAGE_ITEMS_MAX ? left : PAGE_ITEMS_MAX;
		client_reply r;
		err e = page_get(c, url, a, target_of(a, path, limit, cursor), accept, &r, f);
		if (e)
			return e;
		if (is_json)
			items_add(out, r.body, is_first, a);
		else
			table_add(out, r.body, is_first);
		cursor = next_of(&r);
		cursor = cursor.p ? str_dup(kept, cursor) : cursor;
		left -= limit;
		is_first = false;
	} while (cursor.p && left > 0 && !out->over);
	if (is_json)
		end_add(out, cursor);
	*ret_more = cursor.p != NULL;
	return out->over ? fault_set(f, ERR_LIMIT, NULL, "the list is too long to be told at once: ask for less")
			 : ERR_OK;
}
