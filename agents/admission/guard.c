#include "agents/admission/guard.h"
#include "agents/kube/fields.h"

typedef struct binding {
	str uid, node;
	fields_pairs annotations;
} binding;

static err meta_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {
		FIELDS_ROW(binding, "uid", uid, fields_text_into),
		FIELDS_ROW(binding, "annotations", annotations, fields_pairs_into),
	};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

static err target_read(pull *p, arena *a, void *to)
{
	static const fields_row rows[] = {FIELDS_ROW(binding, "name", node, fields_text_into)};

	return fields_members(p, a, FIELDS_ROWS(rows), to);
}

static err binding_read(str object, arena *a, binding *ret)
{
	static const fields_row rows[] = {FIELDS_ALL("metadata", meta_read), FIELDS_ALL("target", target_read)};
	pull p;
	err e;

	*ret = (binding){0};
	pull_init(&p, object, OBJECT_DEPTH_MAX);
	return fields_object(&p, &e) ? fields_rest(&p, a, FIELDS_ROWS(rows), ret) : ERR_BAD_FIELD;
}

void guard_apply(const guard_spec *s, const review *q, arena *a, review_answer *ret)
{
	const char *why = "its record cannot be read";
	binding b;

	*ret = (review_answer){0};
	if (binding_read(q->object, a, &b)) {
		ret->refused = REFUSAL_BAD_REVIEW;
		(void)fault_set(&ret->why, ERR_BAD_FIELD, "target", "the binding cannot be read");
		return;
	}
	if (!b.node.n || stock_node_find(s->stock, b.node) == FLEET_NONE ||
		!s->asks_devices(s->arg, q->space, q->name, b.uid))
		return;
	if (s->record_holds(s->arg, b.uid, b.node, b.annotations.v, b.annotations.n, &why))
		return;
	ret->refused = b.annotations.n ? REFUSAL_BAD_RECORD : REFUSAL_NO_RECORD;
	(void)fault_set(&ret->why, ERR_BAD_FIELD, "metadata.annotations",
		"pod " STR_FMT "/" STR_FMT " asks for devices and may be bound to " STR_FMT
		" by the Reeve extender alone: %s",
		STR_ARG(q->space), STR_ARG(str_cut(q->name, 0, 253)), STR_ARG(str_cut(b.node, 0, 128)), why);
}
