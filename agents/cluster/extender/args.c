#include "agents/cluster/extender/args.h"
#include "agents/kube/fields.h"
#include "base/vec.h"
#include "json/write.h"

static err refuse(fault *f, const pull *p)
{
	return fault_set(f, ERR_BAD_FIELD, NULL, "the request cannot be read at byte %u", (unsigned)(p->at - p->begin));
}

typedef vec(args_node) node_vec;

static err names_read(pull *p, arena *a, node_vec *all)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		args_node one = {.name = STR_NONE};
		e = all->n < ARGS_NODES_MAX ? fields_text(p, a, &one.name) : ERR_LIMIT;
		vec_push(all, one);
	}
	return e ? e : p->e;
}

static err items_read(pull *p, node_vec *all)
{
	err e;

	if (!fields_array(p, &e))
		return e;
	while (!e && pull_item(p)) {
		args_node one;
		object_meta m;
		if (all->n == ARGS_NODES_MAX)
			return ERR_LIMIT;
		e = pull_span(p, &one.object);
		if (!e)
			e = object_meta_read(one.object, &m);
		one.name = e ? STR_NONE : m.name;
		vec_push(all, one);
	}
	return e ? e : p->e;
}

static err nodes_read(pull *p, node_vec *all, bool *ret_is_whole)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	*ret_is_whole = true;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("items")) ? items_read(p, all) : pull_skip(p);
	return e ? e : p->e;
}

static err args_walk(pull *p, arena *a, extender_args *ret, node_vec *all)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("Pod")))
			e = pull_span(p, &ret->pod);
		else if (str_eq(key, S("Nodes")))
			e = nodes_read(p, all, &ret->is_whole);
		else if (str_eq(key, S("NodeNames")))
			e = names_read(p, a, all);
		else
			e = pull_skip(p);
	}
	return e ? e : pull_finish(p);
}

err extender_args_read(str body, arena *a, extender_args *ret, fault *f)
{
	node_vec all = {0};
	pull p;

	*ret = (extender_args){.pod = STR_NONE};
	pull_init(&p, body, PULL_DEPTH_CAP);
	err e = args_walk(&p, a, ret, &all);
	ret->nodes = ARENA_ARRAY(a, args_node, all.n);
	ret->n = all.n;
	if (all.n)
		memcpy(ret->nodes, all.v, all.n * sizeof(*all.v));
	vec_done(&all);
	if (e)
		return refuse(f, &p);
	if (!ret->pod.n || ret->pod.p[0] != '{')
		return fault_set(f, ERR_BAD_FIELD, "#/Pod", "extender args missing pod");
	return ERR_OK;
}

err binding_args_read(str body, arena *a, binding_args *ret, fault *f)
{
	str key;
	bool has_escape;
	pull p;
	err e;

	*ret = (binding_args){.pod = STR_NONE};
	pull_init(&p, body, OBJECT_DEPTH_MAX);
	if (!fields_object(&p, &e))
		return refuse(f, &p);
	while (!e && pull_key(&p, &key, &has_escape)) {
		str *const to = str_eq(key, S("PodName"))        ? &ret->pod
				: str_eq(key, S("PodNamespace")) ? &ret->space
				: str_eq(key, S("PodUID"))       ? &ret->uid
				: str_eq(key, S("Node"))         ? &ret->node
								 : NULL;
		e = to ? fields_text(&p, a, to) : pull_skip(&p);
	}
	if (!e)
		e = pull_finish(&p);
	if (e || !ret->pod.n || !ret->space.n || !ret->uid.n || !ret->node.n)
		return e ? refuse(f, &p) : fault_set(f, ERR_BAD_FIELD, NULL, "the binding names no pod, uid or node");
	return ERR_OK;
}

typedef vec(str) text_vec;

/* A victim is {"UID": ...}, or a whole pod. */
static err victim_read(pull *p, arena *a, bool is_whole, text_vec *all)
{
	str key, uid = STR_NONE, object;
	bool has_escape;
	object_meta m;
	err e;

	if (is_whole) {
		e = pull_span(p, &object);
		if (!e)
			e = object_meta_read(object, &m);
		if (!e)
			vec_push(all, m.uid);
		return e;
	}
	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape))
		e = str_eq(key, S("UID")) ? fields_text(p, a, &uid) : pull_skip(p);
	vec_push(all, uid);
	return e ? e : p->e;
}

static err victims_read(pull *p, arena *a, bool is_whole, text_vec *uids, args_victims *v)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("NumPDBViolations"))) {
			e = fields_i64(p, &v->violations);
		} else if (!str_eq(key, S("Pods"))) {
			e = pull_skip(p);
		} else if (fields_array(p, &e)) {
			while (!e && pull_item(p))
				e = uids->n < ARGS_VICTIMS_MAX ? victim_read(p, a, is_whole, uids) : ERR_LIMIT;
		}
	}
	return e ? e : p->e;
}

typedef vec(args_victims) victims_vec;

static err victim_nodes_read(pull *p, arena *a, bool is_whole, victims_vec *all)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e;
	while (!e && pull_key(p, &key, &has_escape)) {
		args_victims one = {.node = key};
		text_vec uids = {0};
		e = all->n < ARGS_NODES_MAX ? victims_read(p, a, is_whole, &uids, &one) : ERR_LIMIT;
		one.uids = ARENA_ARRAY(a, str, uids.n);
		one.n = uids.n;
		if (uids.n)
			memcpy(one.uids, uids.v, uids.n * sizeof(str));
		vec_done(&uids);
		vec_push(all, one);
	}
	return e ? e : p->e;
}

static err preemption_walk(pull *p, arena *a, preemption_args *ret, victims_vec *all)
{
	str key;
	bool has_escape;
	err e;

	if (!fields_object(p, &e))
		return e ? e : ERR_BAD_FIELD;
	while (!e && pull_key(p, &key, &has_escape)) {
		if (str_eq(key, S("Pod")))
			e = pull_span(p, &ret->pod);
		else if (str_eq(key, S("NodeNameToVictims")))
			e = victim_nodes_read(p, a, true, all);
		else if (str_eq(key, S("NodeNameToMetaVictims")))
			e = victim_nodes_read(p, a, false, all);
		else
			e = pull_skip(p);
	}
	return e ? e : pull_finish(p);
}

err preemption_args_read(str body, arena *a, preemption_args *ret, fault *f)
{
	victims_vec all = {0};
	pull p;

	*ret = (preemption_args){.pod = STR_NONE};
	pull_init(&p, body, PULL_DEPTH_CAP);
	err e = preemption_walk(&p, a, ret, &all);
	ret->nodes = ARENA_ARRAY(a, args_victims, all.n);
	ret->n = all.n;
	if (all.n)
		memcpy(ret->nodes, all.v, all.n * sizeof(*all.v));
	vec_done(&all);
	if (e)
		return refuse(f, &p);
	if (!ret->pod.n || ret->pod.p[0] != '{')
		return fault_set(f, ERR_BAD_FIELD, "#/Pod", "extender args missing pod");
	return ERR_OK;
}

/* Names of nodes need no escape, but nothing says so. */
static bool is_plain(str s)
{
	for (uint32_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.'))
			return false;
	}
	return true;
}

/* As a text, quickly where it is one of thousands. */
static void name_put(buf *out, str name)
{
	if (!is_plain(name)) {
		js_writer w = js_writer_on(out);
		js_text(&w, name);
		return;
	}
	char *room = buf_room(out, name.n + 2);
	if (!room)
		return;
	room[0] = '"';
	memcpy(room + 1, name.p, name.n);
	room[name.n + 1] = '"';
	out->n += name.n + 2;
}

static void passed_names_put(const extender_args *q, const filter_verdict *v, buf *out)
{
	bool has_one = false;

	buf_add_char(out, '[');
	for (uint32_t i = 0; i < q->n; i++) {
		if (v[i].text)
			continue;
		if (has_one)
			buf_add_char(out, ',');
		has_one = true;
		name_put(out, q->nodes[i].name);
	}
	buf_add_char(out, ']');
}

static void passed_objects_put(js_writer *w, const extender_args *q, const filter_verdict *v)
{
	js_object_begin(w);
	js_key(w, S("items"));
	js_array_begin(w);
	for (uint32_t i = 0; i < q->n; i++)
		if (!v[i].text)
			js_raw_value(w, q->nodes[i].object);
	js_array_end(w);
	js_object_end(w);
}

static void passed_put(js_writer *w, const extender_args *q, const filter_verdict *v)
{
	buf names;

	js_key(w, q->is_whole ? S("Nodes") : S("NodeNames"));
	if (q->is_whole) {
		passed_objects_put(w, q, v);
	} else {
		buf_init(&names, ARGS_NODES_MAX * (OBJECT_NAME_MAX + 3));
		passed_names_put(q, v, &names);
		js_raw_value(w, buf_str(&names));
		buf_done(&names);
	}
	js_key(w, q->is_whole ? S("NodeNames") : S("Nodes"));
	js_null(w);
}

static void failed_put(js_writer *w, const extender_args *q, const filter_verdict *v, bool is_final)
{
	js_key(w, is_final ? S("FailedAndUnresolvableNodes") : S("FailedNodes"));
	js_object_begin(w);
	for (uint32_t i = 0; i < q->n; i++)
		if (v[i].text && v[i].is_final == is_final) {
			js_key(w, q->nodes[i].name);
			js_text(w, str_from(v[i].text));
		}
	js_object_end(w);
}

/* Schedulers up to 1.28 pass the text through a format function. */
static void error_put(js_writer *w, const char *error)
{
	buf plain;

	buf_init(&plain, 16 * FAULT_DETAIL_MAX);
	for (const char *c = error ? error : ""; *c; c++) {
		if (*c == '%')
			buf_add_str(&plain, S(" percent"));
		else
			buf_add_char(&plain, *c);
	}
	js_put_text(w, "Error", buf_str(&plain));
	buf_done(&plain);
}

void filter_answer(const extender_args *all, const filter_verdict *v, const char *error, buf *out)
{
	extender_args none = {.is_whole = all->is_whole};
	const extender_args *q = error ? &none : all;
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	passed_put(&w, q, v);
	failed_put(&w, q, v, false);
	failed_put(&w, q, v, true);
	error_put(&w, error);
	js_object_end(&w);
}

void prioritize_answer(const extender_args *q, const int64_t *scores, buf *out)
{
	buf_add_char(out, '[');
	for (uint32_t i = 0; i < q->n; i++) {
		buf_add_str(out, i ? S(",{\"Host\":") : S("{\"Host\":"));
		name_put(out, q->nodes[i].name);
		buf_add_str(out, S(",\"Score\":"));
		buf_add_i64(out, scores[i]);
		buf_add_char(out, '}');
	}
	buf_add_char(out, ']');
}

void bind_answer(const char *error, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	error_put(&w, error);
	js_object_end(&w);
}

void preempt_answer(const preemption_args *q, const bool *keep, buf *out)
{
	js_writer w = js_writer_on(out);

	js_object_begin(&w);
	js_key(&w, S("NodeNameToMetaVictims"));
	js_object_begin(&w);
	for (uint32_t i = 0; i < q->n; i++) {
		if (!keep[i])
			continue;
		js_key(&w, q->nodes[i].node);
		js_object_begin(&w);
		js_key(&w, S("Pods"));
		js_array_begin(&w);
		for (uint32_t k = 0; k < q->nodes[i].n; k++) {
			js_object_begin(&w);
			js_put_text(&w, "UID", q->nodes[i].uids[k]);
			js_object_end(&w);
		}
		js_array_end(&w);
		js_put_i64(&w, "NumPDBViolations", q->nodes[i].violations);
		js_object_end(&w);
	}
	js_object_end(&w);
	js_object_end(&w);
}
