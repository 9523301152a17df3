#include "agents/kube/object.h"
#include "agents/kube/fields.h"

bool object_is_name(str s, uint32_t max)
{
	for (uint32_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		bool is_inner = i > 0 && i + 1 < s.n && (c == '-' || c == '.');
		if (!is_inner && !(c >= 'a' && c <= 'z') && !(c >= '0' && c <= '9'))
			return false;
	}
	return s.n > 0 && s.n <= max;
}

/* A text without escapes; anything else leaves *ret absent. */
static err text_next(pull *p, str *ret)
{
	pull_token t = pull_next(p);

	if (t == PULL_TEXT && !p->has_escape)
		*ret = p->text;
	else if (t == PULL_TEXT)
		return ERR_BAD_FIELD;
	return t == PULL_ERROR ? p->e : ERR_OK;
}

static err annotations_read(pull *p, object_meta *m)
{
	str key, value = STR_NONE;
	bool has_escape;

	if (pull_next(p) != PULL_OBJECT)
		return p->e;
	while (pull_key(p, &key, &has_escape)) {
		if (!str_eq(key, S("k8s.io/initial-events-end"))) {
			if (pull_skip(p))
				return p->e;
			continue;
		}
		err e = text_next(p, &value);
		if (e)
			return e;
		m->ends_list = str_eq(value, S("true"));
	}
	return p->e;
}

static err member_read(pull *p, str key, object_meta *m)
{
	if (str_eq(key, S("name")))
		return text_next(p, &m->name);
	if (str_eq(key, S("namespace")))
		return text_next(p, &m->space);
	if (str_eq(key, S("uid")))
		return text_next(p, &m->uid);
	if (str_eq(key, S("resourceVersion")))
		return text_next(p, &m->version);
	return pull_skip(p);
}

static err meta_read(pull *p, bool is_bookmark, object_meta *m)
{
	str key;
	bool has_escape;

	if (pull_next(p) != PULL_OBJECT)
		return p->e ? p->e : ERR_BAD_FIELD;
	while (pull_key(p, &key, &has_escape)) {
		err e = is_bookmark && str_eq(key, S("annotations")) ? annotations_read(p, m) : member_read(p, key, m);
		if (e)
			return e;
	}
	return p->e;
}

static bool is_name(str s, uint32_t max)
{
	return s.n > 0 && s.n <= max;
}

err object_draft_read(str object, object_meta *ret)
{
	object_meta m = {.space = {"", 0}};
	str key;
	bool has_escape, has_meta = false;
	pull p;

	pull_init(&p, object, OBJECT_DEPTH_MAX);
	if (pull_next(&p) != PULL_OBJECT)
		return p.e ? p.e : ERR_BAD_FIELD;
	while (!has_meta && pull_key(&p, &key, &has_escape)) {
		has_meta = str_eq(key, S("metadata"));
		err e = has_meta ? meta_read(&p, true, &m) : pull_skip(&p);
		if (e)
			return e;
	}
	if (p.e)
		return p.e;
	if (m.name.n > OBJECT_NAME_MAX || m.space.n > OBJECT_NAME_MAX || m.uid.n > OBJECT_UID_MAX)
		return ERR_BAD_FIELD;
	*ret = m;
	return ERR_OK;
}

err object_meta_read(str object, object_meta *ret)
{
	object_meta m;
	err e = object_draft_read(object, &m);

	if (!e && !is_name(m.version, OBJECT_VERSION_MAX))
		e = ERR_BAD_FIELD;
	if (!e)
		*ret = m;
	return e;
}

err object_event_read(str line, object_event *ret)
{
	object_event v = {STR_NONE, STR_NONE};
	str key;
	bool has_escape;
	pull p;

	pull_init(&p, line, OBJECT_DEPTH_MAX + 1);
	if (pull_next(&p) != PULL_OBJECT)
		return p.e ? p.e : ERR_BAD_FIELD;
	while (pull_key(&p, &key, &has_escape)) {
		err e = str_eq(key, S("type"))     ? text_next(&p, &v.type)
			: str_eq(key, S("object")) ? pull_span(&p, &v.object)
						   : pull_skip(&p);
		if (e)
			return e;
	}
	err e = pull_finish(&p);
	if (!e && (!v.type.n || !v.object.n))
		e = ERR_BAD_FIELD;
	if (!e)
		*ret = v;
	return e;
}

static err page_meta_read(pull *p, object_page *ret)
{
	str key;
	bool has_escape;

	if (pull_next(p) != PULL_OBJECT)
		return p->e ? p->e : ERR_BAD_FIELD;
	while (pull_key(p, &key, &has_escape)) {
		err e = ERR_OK;
		if (str_eq(key, S("resourceVersion")))
			e = text_next(p, &ret->version);
		else if (str_eq(key, S("continue")))
			e = text_next(p, &ret->next);
		else if (str_eq(key, S("remainingItemCount")))
			e = fields_i64(p, &ret->remaining);
		else
			e = pull_skip(p);
		if (e)
			return e;
	}
	return p->e;
}

static err items_read(pull *p, void (*on_item)(void *arg, str item), void *arg)
{
	pull_token t = pull_next(p);
	str item;

	/* Go writes an empty list as null where it was never made. */
	if (t == PULL_NULL)
		return ERR_OK;
	if (t != PULL_ARRAY)
		return p->e ? p->e : ERR_BAD_FIELD;
	while (pull_item(p)) {
		if (pull_span(p, &item))
			return p->e;
		on_item(arg, item);
	}
	return p->e;
}

err object_page_read(str page, void (*on_item)(void *arg, str item), void *arg, object_page *ret)
{
	object_page out = {.next = STR_NONE};
	str key;
	bool has_escape;
	pull p;

	pull_init(&p, page, OBJECT_DEPTH_MAX + 2);
	if (pull_next(&p) != PULL_OBJECT)
		return p.e ? p.e : ERR_BAD_FIELD;
	while (pull_key(&p, &key, &has_escape)) {
		err e = str_eq(key, S("metadata")) ? page_meta_read(&p, &out)
			: str_eq(key, S("items"))  ? items_read(&p, on_item, arg)
						   : pull_skip(&p);
		if (e)
			return e;
	}
	err e = pull_finish(&p);
	if (!e && !is_name(out.version, OBJECT_VERSION_MAX))
		e = ERR_BAD_FIELD;
	if (out.next.p && !out.next.n)
		out.next = STR_NONE;
	if (!e)
		*ret = out;
	return e;
}
