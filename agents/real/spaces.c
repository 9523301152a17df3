#include "agents/real/spaces.h"
#include <assert.h>
#include <stdlib.h>
#include "agents/kube/pod.h"

typedef struct space_row {
	uint32_t name_n, tenant_n, labels_n;
	char bytes[]; /* name, then tenant, then labels */
} space_row;

struct spaces {
	spaces_spec spec;
	follow *follow;
	map by_name;
	char fallback[SPACES_TENANT_MAX + 1];
	str (*told)(void *arg, str space, str labels);
	void *told_arg;
	bool is_ready;
};

static str row_name(const space_row *w)
{
	return str_of(w->bytes, w->name_n);
}

static str row_tenant(const space_row *w)
{
	return str_of(w->bytes + w->name_n, w->tenant_n);
}

static str row_labels(const space_row *w)
{
	return str_of(w->bytes + w->name_n + w->tenant_n, w->labels_n);
}

static space_row *row_new(str name, str tenant, str labels)
{
	space_row *w = calloc(1, sizeof(*w) + name.n + tenant.n + labels.n);

	assert(w);
	w->name_n = name.n;
	w->tenant_n = tenant.n;
	w->labels_n = labels.n;
	memcpy(w->bytes, name.p, name.n);
	if (tenant.n)
		memcpy(w->bytes + name.n, tenant.p, tenant.n);
	if (labels.n)
		memcpy(w->bytes + name.n + tenant.n, labels.p, labels.n);
	return w;
}

static void changed(spaces *s)
{
	if (s->is_ready && s->spec.on_change)
		s->spec.on_change(s->spec.arg);
}

static void row_drop(spaces *s, str name)
{
	free(map_remove(&s->by_name, name));
}

static void space_is(void *arg, const object_meta *m, str object)
{
	spaces *s = arg;
	AUTO_ARENA a = arena_new(0);
	const space_row *old = map_find(&s->by_name, m->name);
	pod like; /* a namespace has a pod's metadata */
	bool is_bad = pod_read(object, a, &like) != ERR_OK;

	str tenant = is_bad ? STR_NONE : str_trim(pod_annotation(&like, SPACES_TENANT_KEY));
	str labels = is_bad ? S("") : pod_labels_text(&like, SPACES_LABELS_MAX, a);
	if (tenant.n > SPACES_TENANT_MAX)
		tenant = STR_NONE;
	if (old && str_eq(row_tenant(old), str_of(tenant.p ? tenant.p : "", tenant.n)) &&
		str_eq(row_labels(old), labels))
		return;
	row_drop(s, m->name);
	space_row *w = row_new(m->name, tenant, labels);
	(void)map_put(&s->by_name, row_name(w), w);
	changed(s);
}

static void space_gone(void *arg, const object_meta *m, str object)
{
	(void)object;
	row_drop(arg, m->name);
}

static void listed(void *arg)
{
	spaces *s = arg;

	if (s->is_ready)
		return;
	s->is_ready = true;
	changed(s);
}

spaces *spaces_open(const spaces_spec *spec)
{
	spaces *s = calloc(1, sizeof(*s));

	assert(s);
	s->spec = *spec;
	s->follow = follow_open(&(follow_spec){
		.loop = spec->loop,
		.kube = spec->kube,
		.path = S("/api/v1/namespaces"),
		.on_object = space_is,
		.on_gone = space_gone,
		.on_listed = listed,
		.arg = s,
	});
	return s;
}

void spaces_close(spaces *s)
{
	if (!s)
		return;
	follow_close(s->follow);
	map_each (slot, &s->by_name)
		free(slot->value);
	map_done(&s->by_name);
	free(s);
}

bool spaces_is_ready(const spaces *s)
{
	return s->is_ready;
}

void spaces_default(spaces *s, str tenant)
{
	size_t n = tenant.n <= SPACES_TENANT_MAX ? tenant.n : 0;

	if (str_eq(str_from(s->fallback), str_of(tenant.p ? tenant.p : "", n)))
		return;
	if (n)
		memcpy(s->fallback, tenant.p, n);
	s->fallback[n] = 0;
	changed(s);
}

void spaces_told(spaces *s, str (*tenant_of)(void *arg, str space, str labels), void *arg)
{
	s->told = tenant_of;
	s->told_arg = arg;
	if (tenant_of)
		changed(s);
}

str spaces_tenant(const spaces *s, str space)
{
	const space_row *w = map_find(&s->by_name, space);
	str told = s->told ? s->told(s->told_arg, space, w ? row_labels(w) : S("")) : STR_NONE;

	if (told.n)
		return told;
	if (w && w->tenant_n)
		return row_tenant(w);
	return s->fallback[0] ? str_from(s->fallback) : STR_NONE;
}
