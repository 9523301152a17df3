#include "agents/node/kubelet/kubelet_inside.h"
#include "agents/node/kubelet/message.h"
#include "proto/deviceplugin.pb-c.h"

enum { ANSWER_ARENA_BYTES = 4 << 20 };

/* A container's annotation of this prefix is a list of CDI names to runtimes, which take a name once that also comes by
 * cdi_devices: kubelets before 1.29 hand on annotations alone.
 */
#define CDI_ANNOTATION "cdi.k8s.io/reeve-node_"

static char *text_of(const char *z)
{
	return (char *)(z ? z : "");
}

static void mounts_fill(const kubelet_gift *g, V1beta1__ContainerAllocateResponse *c, arena *a)
{
	V1beta1__Mount *v = ARENA_ARRAY(a, V1beta1__Mount, g->n_mounts + 1);

	c->mounts = ARENA_ARRAY(a, V1beta1__Mount *, g->n_mounts + 1);
	for (uint32_t i = 0; i < g->n_mounts; i++) {
		v1beta1__mount__init(&v[i]);
		v[i].container_path = text_of(g->mounts[i].container);
		v[i].host_path = text_of(g->mounts[i].host);
		v[i].read_only = g->mounts[i].is_read_only;
		c->mounts[c->n_mounts++] = &v[i];
	}
}

static void nodes_fill(const kubelet_gift *g, V1beta1__ContainerAllocateResponse *c, arena *a)
{
	V1beta1__DeviceSpec *v = ARENA_ARRAY(a, V1beta1__DeviceSpec, g->n_nodes + 1);

	c->devices = ARENA_ARRAY(a, V1beta1__DeviceSpec *, g->n_nodes + 1);
	for (uint32_t i = 0; i < g->n_nodes; i++) {
		v1beta1__device_spec__init(&v[i]);
		v[i].container_path = text_of(g->nodes[i].container);
		v[i].host_path = text_of(g->nodes[i].host);
		v[i].permissions = "rw";
		c->devices[c->n_devices++] = &v[i];
	}
}

static void variables_fill(const kubelet_gift *g, V1beta1__ContainerAllocateResponse *c, arena *a)
{
	V1beta1__Variable *v = ARENA_ARRAY(a, V1beta1__Variable, g->n_variables + 1);

	c->envs = ARENA_ARRAY(a, V1beta1__Variable *, g->n_variables + 1);
	for (uint32_t i = 0; i < g->n_variables; i++) {
		v1beta1__variable__init(&v[i]);
		v[i].key = text_of(str_z(a, g->variables[i].key));
		v[i].value = text_of(str_z(a, g->variables[i].value));
		c->envs[c->n_envs++] = &v[i];
	}
}

static void cdi_fill(const kubelet_gift *g, V1beta1__ContainerAllocateResponse *c, arena *a)
{
	V1beta1__CDIDevice *v = ARENA_ARRAY(a, V1beta1__CDIDevice, g->cdi.n + 1);

	c->cdi_devices = ARENA_ARRAY(a, V1beta1__CDIDevice *, g->cdi.n + 1);
	for (uint32_t i = 0; i < g->cdi.n; i++) {
		v1beta1__cdidevice__init(&v[i]);
		v[i].name = text_of(str_z(a, g->cdi.v[i]));
		c->cdi_devices[c->n_cdi_devices++] = &v[i];
	}
}

/* One resource's names do not take the place of another's. */
static void annotation_fill(const kubelet_gift *g, str resource, V1beta1__ContainerAllocateResponse *c, arena *a)
{
	V1beta1__Variable *v = ARENA_NEW(a, V1beta1__Variable);
	str names = S("");

	if (!g->cdi.n)
		return;
	for (uint32_t i = 0; i < g->cdi.n; i++)
		names = str_print(a, STR_FMT "%s" STR_FMT, STR_ARG(names), i ? "," : "", STR_ARG(g->cdi.v[i]));
	v1beta1__variable__init(v);
	v->key = text_of(str_z(a, str_print(a, CDI_ANNOTATION STR_FMT, STR_ARG(resource))));
	for (char *at = v->key + sizeof(CDI_ANNOTATION) - 1; *at; at++)
		if (*at == '/')
			*at = '-';
	v->value = text_of(str_z(a, names));
	c->annotations = ARENA_ARRAY(a, V1beta1__Variable *, 1);
	c->annotations[c->n_annotations++] = v;
}

void answer_write(const kubelet_gift *g, str resource, buf *out)
{
	AUTO_ARENA a = arena_new(ANSWER_ARENA_BYTES);
	V1beta1__ContainerAllocateResponse c, *all[] = {&c};
	V1beta1__AllocateResponse r;

	v1beta1__container_allocate_response__init(&c);
	v1beta1__allocate_response__init(&r);
	r.container_responses = all;
	r.n_container_responses = 1;
	mounts_fill(g, &c, a);
	nodes_fill(g, &c, a);
	variables_fill(g, &c, a);
	cdi_fill(g, &c, a);
	annotation_fill(g, resource, &c, a);
	message_write(&r.base, out);
}
