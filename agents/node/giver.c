#include "agents/node/giver.h"
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "agents/node/caps.h"
#include "agents/node/leftover.h"
#include "agents/node/npu_parts.h"
#include "agents/node/parts.h"
#include "agents/node/vnpu.h"
#include "agents/vendors/vendor.h"

enum { PATH_BYTES = 512 };

#define MAKER_KIND "nvidia.com/gpu"

struct giver {
	giver_config c;
	char *cdi_folder, *cdi_folders, *libraries, *devices, *procfs;
	const char *giving; /* the allocation that is being made, maybe anew */
};

static char *copy_of(const char *z)
{
	char *copy = z ? strdup(z) : NULL;

	assert(copy || !z);
	return copy;
}

giver *giver_open(const giver_config *c)
{
	giver *g = calloc(1, sizeof(*g));

	assert(g);
	g->c = *c;
	g->cdi_folder = copy_of(c->cdi_folder);
	g->cdi_folders = copy_of(c->cdi_folders ? c->cdi_folders : CDI_FOLDERS);
	g->libraries = copy_of(c->libraries);
	g->devices = copy_of(c->devices ? c->devices : "/dev");
	g->procfs = copy_of(c->procfs ? c->procfs : "/proc");
	if (!g->cdi_folder && g->c.form == GIVER_REPLACE)
		g->c.form = GIVER_PRELOAD;
	return g;
}

void giver_close(giver *g)
{
	if (!g)
		return;
	free(g->cdi_folder);
	free(g->cdi_folders);
	free(g->libraries);
	free(g->devices);
	free(g->procfs);
	free(g);
}

void giver_id(str pod_uid, str container, char ret[ALLOCATION_ID_MAX])
{
	(void)snprintf(ret, ALLOCATION_ID_MAX, STR_FMT "_" STR_FMT, STR_ARG(pod_uid), STR_ARG(container));
}

static void node_add(parts *p, const char *path)
{
	parts_node(p, path, path);
}

static bool is_npu(const card *c)
{
	return strcmp(c->maker, NPU_MAKER) == 0;
}

/* Whether it has to be made. */
static bool is_part(const card *c, const plan_share *s)
{
	return s->profile.p && !(is_npu(c) && str_eq(s->profile, S(NPU_WHOLE)));
}

/* The device of a share, if it is one that can be given. */
static err card_find(const giver *g, const plan_share *s, arena *a, const card **ret, fault *f)
{
	const card *c = card_of_any_uuid(g->c.cards(g->c.arg), str_z(a, s->uuid));

	if (!c)
		return fault_set(f, ERR_NOT_FOUND, NULL, "this node has no device " STR_FMT, STR_ARG(s->uuid));
	if (strcmp(c->maker, "nvidia") != 0 && !(is_npu(c) && g->c.npus))
		return fault_set(f, ERR_CONFLICT, NULL, "devices of %s are given by their maker's plugin", c->maker);
	*ret = c;
	return ERR_OK;
}

static err instance_find(
	const giver *g, const kubelet_wish *w, const plan_share *s, const card *c, instance_found *ret, fault *f)
{
	char id[ALLOCATION_ID_MAX];
	instances *of = is_npu(c) ? g->c.npus : g->c.instances;

	if (!of)
		return fault_set(f, ERR_CONFLICT, NULL,
			"an instance " STR_FMT " has to be made, and this node makes none", STR_ARG(s->profile));
	giver_id(w->pod->p.meta.uid, w->plan->name, id);
	if (g->c.tidy)
		g->c.tidy(g->c.arg);
	instances_want want = {str_from(id), s->uuid, s->profile, s->start};
	return instances_get(of, &want, ret, f);
}

/* An instance has its own compute. */
static err device_fill(
	const giver *g, const kubelet_wish *w, const plan_share *s, arena *a, share_device *ret, fault *f)
{
	instance_found found;
	const card *c;
	err e = card_find(g, s, a, &c, f);

	if (!e && is_part(c, s))
		e = instance_find(g, w, s, c, &found, f);
	if (e)
		return e;
	*ret = (share_device){str_z(a, is_part(c, s) ? str_from(found.uuid) : s->uuid), s->memory_mib,
		s->profile.p ? LIMITS_WHOLE : s->compute_milli};
	return ERR_OK;
}

static err share_fill(const giver *g, const kubelet_wish *w, arena *a, share *ret, fault *f)
{
	const plan_record *plan = &w->pod->plan;
	*ret = (share){.is_low = plan->is_low, .may_borrow = plan->may_lend, .oversubscribes = plan->may_oversubscribe};
	if (w->plan->n > LIMITS_DEVICES)
		return fault_set(f, ERR_LIMIT, NULL, "a container has at most %d devices", LIMITS_DEVICES);
	for (; ret->n < w->plan->n; ret->n++) {
		err e = device_fill(g, w, &w->plan->shares[ret->n], a, &ret->devices[ret->n], f);
		if (e)
			return e;
	}
	if (g->c.form == GIVER_REPLACE) {
		ret->driver = GIVER_DRIVER_FOLDER "/libcuda.so.1";
		ret->nvml = GIVER_DRIVER_FOLDER "/libnvidia-ml.so.1";
	}
	return ERR_OK;
}

static const char *path_of(const giver *g, arena *a, const char *file)
{
	return str_z(a, str_print(a, "%s/%s", g->libraries, file));
}

static void shim_add(const giver *g, parts *p, arena *a)
{
	if (g->c.form == GIVER_PRELOAD) {
		parts_mount(p, path_of(g, a, "libreeve-shim.so"), GIVER_SHIM_FILE, true, true);
		parts_mount(p, path_of(g, a, "ld.so.preload"), "/etc/ld.so.preload", true, false);
	} else if (g->c.form == GIVER_REPLACE) {
		const char **words = ARENA_ARRAY(a, const char *, 5);
		words[0] = "reeve-hook";
		words[1] = "createContainer";
		words[2] = "--libraries";
		words[3] = g->libraries;
		p->hook = (cdi_hook){"createContainer", path_of(g, a, "reeve-hook"), words};
		p->has_hook = true;
	}
}

/* The instance that was made for the share, or that it names; false: it is of a whole device. */
static bool share_instance(
	const giver *g, const kubelet_wish *w, const plan_share *s, const card *c, instance_found *ret)
{
	if (s->profile.p)
		return instance_find(g, w, s, c, ret, NULL) == ERR_OK;
	for (uint32_t i = 0; i < c->n_instances; i++) {
		const card_instance *one = &c->instances[i];
		if (!str_eq(s->uuid, str_from(one->uuid)))
			continue;
		*ret = (instance_found){.gpu_instance = one->gpu_instance, .compute_instance = one->compute_instance};
		return true;
	}
	return false;
}

static void share_caps(
	const giver *g, const kubelet_wish *w, const plan_share *s, const card *c, arena *a, const char *ret[CAPS])
{
	instance_found found;

	ret[0] = ret[1] = NULL;
	if (share_instance(g, w, s, c, &found))
		caps_find(g->procfs, g->devices, c->minor, found.gpu_instance, found.compute_instance, a, ret);
}

static void caps_add(const giver *g, const kubelet_wish *w, const plan_share *s, const card *c, parts *p, arena *a)
{
	const char *caps[CAPS];

	share_caps(g, w, s, c, a, caps);
	for (int i = 0; i < CAPS; i++)
		if (caps[i])
			node_add(p, caps[i]);
}

/* What the maker's own CDI file says, where there is none: the device nodes, and the driver's libraries in their
 * places.
 */
static void devices_add(const giver *g, const kubelet_wish *w, parts *p, arena *a)
{
	static const char *const common[] = {"nvidiactl", "nvidia-uvm", "nvidia-uvm-tools"};
	const card *c;

	for (uint32_t i = 0; i < w->plan->n; i++)
		if (card_find(g, &w->plan->shares[i], a, &c, NULL) == ERR_OK && c->minor >= 0) {
			node_add(p, str_z(a, str_print(a, "%s/nvidia%d", g->devices, c->minor)));
			caps_add(g, w, &w->plan->shares[i], c, p, a);
		}
	for (size_t i = 0; i < sizeof(common) / sizeof(*common); i++)
		node_add(p, str_z(a, str_print(a, "%s/%s", g->devices, common[i])));
}

static const char *driver_folder(void)
{
	static const char *const folders[] = {"/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib64"};
	char path[PATH_BYTES];

	for (size_t i = 0; i < sizeof(folders) / sizeof(*folders); i++) {
		(void)snprintf(path, sizeof(path), "%s/libcuda.so.1", folders[i]);
		if (access(path, R_OK) == 0)
			return folders[i];
	}
	return NULL;
}

static void driver_add(parts *p, arena *a)
{
	static const char *const names[] = {"libcuda.so.1", "libnvidia-ml.so.1", "libnvidia-ptxjitcompiler.so.1",
		"libnvidia-nvvm.so.4", "libnvidia-gpucomp.so"};
	const char *folder = driver_folder();

	for (size_t i = 0; folder && i < sizeof(names) / sizeof(*names); i++) {
		const char *path = str_z(a, str_print(a, "%s/%s", folder, names[i]));
		if (access(path, R_OK) == 0)
			parts_mount(p, path, path, true, true);
	}
}

static const char *uuids_of(const allocation *of, arena *a)
{
	buf out;

	buf_init(&out, 64 << 10);
	for (uint32_t i = 0; i < of->n_devices; i++)
		buf_printf(&out, "%s%s", i ? "," : "", of->uuids[i]);
	const char *text = str_z(a, buf_str(&out));
	buf_done(&out);
	return text;
}

static void mounts_add(const giver *g, const allocation *of, parts *p, arena *a)
{
	allocation_mount m[ALLOCATION_MOUNTS];

	allocation_mounts(g->c.allocations, of, a, m);
	for (uint32_t i = 0; i < ALLOCATION_MOUNTS; i++)
		parts_mount(p, m[i].host, m[i].container, m[i].is_read_only, false);
}

static err say_by_name(
	giver *g, const allocation *of, const kubelet_wish *w, parts *p, arena *a, kubelet_gift *ret, fault *f)
{
	cdi_share s = {of->id, p->nodes, p->n_nodes, p->mounts, p->n_mounts, p->variables, p->n_variables, &p->hook,
		p->has_hook};
	err e = cdi_put(g->cdi_folder, &s, f);

	if (e)
		return e;
	ret->cdi.v = ARENA_ARRAY(a, str, w->plan->n + 1);
	for (uint32_t i = 0; i < w->plan->n && of->by_maker; i++)
		ret->cdi.v[ret->cdi.n++] = str_print(a, MAKER_KIND "=" STR_FMT, STR_ARG(w->plan->shares[i].uuid));
	/* Ours comes last: what it mounts lies over the maker's. */
	ret->cdi.v[ret->cdi.n++] = str_print(a, CDI_KIND "=%s", of->id);
	return ERR_OK;
}

static void say_by_parts(const parts *p, arena *a, kubelet_gift *ret)
{
	ret->nodes = ARENA_ARRAY(a, kubelet_node, p->n_nodes + 1);
	for (uint32_t i = 0; i < p->n_nodes; i++)
		ret->nodes[ret->n_nodes++] = (kubelet_node){p->nodes[i].host, p->nodes[i].container};
	ret->mounts = ARENA_ARRAY(a, kubelet_mount, p->n_mounts + 1);
	for (uint32_t i = 0; i < p->n_mounts; i++)
		ret->mounts[ret->n_mounts++] =
			(kubelet_mount){p->mounts[i].host, p->mounts[i].container, p->mounts[i].is_read_only};
	ret->variables = ARENA_ARRAY(a, object_pair, p->n_variables + 1);
	for (uint32_t i = 0; i < p->n_variables; i++)
		ret->variables[ret->n_variables++] =
			(object_pair){str_from(p->variables[i].name), str_from(p->variables[i].value)};
}

/* The maker's file knows no instance that was made after it; and it may name its devices otherwise than we do. */
static bool is_told_by_maker(const giver *g, const kubelet_wish *w, arena *a)
{
	str *uuids = ARENA_ARRAY(a, str, w->plan->n + 1);

	for (uint32_t i = 0; i < w->plan->n; i++) {
		if (w->plan->shares[i].profile.p)
			return false;
		uuids[i] = w->plan->shares[i].uuid;
	}
	return g->cdi_folder && cdi_has_devices(g->cdi_folders, MAKER_KIND, uuids, w->plan->n);
}

static err node_check(const char *path, fault *f)
{
	return access(path, F_OK) == 0
		       ? ERR_OK
		       : fault_set(f, ERR_UNAVAILABLE, NULL, "the device node %s is not there yet", path);
}

static err caps_check(const giver *g, const kubelet_wish *w, const plan_share *s, const card *c, arena *a, fault *f)
{
	const char *caps[CAPS];
	err e = ERR_OK;

	share_caps(g, w, s, c, a, caps);
	for (int i = 0; i < CAPS && !e; i++)
		if (caps[i])
			e = node_check(caps[i], f);
	return e;
}

/* The driver makes a device's node some time after the device is there, and those of its own parts when these are
 * loaded: a container that got some of them would fail later, and say less.
 */
static err nodes_check(const giver *g, const kubelet_wish *w, arena *a, fault *f)
{
	const card *c;
	err e = node_check(str_z(a, str_print(a, "%s/nvidiactl", g->devices)), f);

	if (!e)
		e = node_check(str_z(a, str_print(a, "%s/nvidia-uvm", g->devices)), f);

	for (uint32_t i = 0; i < w->plan->n && !e; i++) {
		e = card_find(g, &w->plan->shares[i], a, &c, f);
		if (!e && c->minor < 0)
			e = fault_set(f, ERR_UNAVAILABLE, NULL, "the device node of " STR_FMT " is not known yet",
				STR_ARG(w->plan->shares[i].uuid));
		else if (!e)
			e = node_check(str_z(a, str_print(a, "%s/nvidia%d", g->devices, c->minor)), f);
		if (!e)
			e = caps_check(g, w, &w->plan->shares[i], c, a, f);
	}
	return e;
}

/* Which of a chip's it is; the same again as when the allocation was made. */
static err npu_find(const giver *g, const kubelet_wish *w, const plan_share *s, const card *c, npu_part *ret, fault *f)
{
	instance_found found = {.gpu_instance = c->minor};
	err e = is_part(c, s) ? instance_find(g, w, s, c, &found, f) : ERR_OK;

	*ret = (npu_part){found.gpu_instance, is_part(c, s)};
	return e;
}

/* Whether the container's devices are NPUs. With others beside them nothing could be said of all of them. */
static err npus_are_meant(const giver *g, const kubelet_wish *w, bool *ret_are, arena *a, fault *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < w->plan->n; i++) {
		const card *c = card_of_any_uuid(g->c.cards(g->c.arg), str_z(a, w->plan->shares[i].uuid));
		n += c && is_npu(c);
	}
	*ret_are = n > 0;
	return n == 0 || n == w->plan->n
		       ? ERR_OK
		       : fault_set(f, ERR_CONFLICT, NULL, "a container gets devices of one maker only");
}

static err npus_check(const giver *g, const kubelet_wish *w, arena *a, fault *f)
{
	err e = ERR_OK;

	for (uint32_t i = 0; i < w->plan->n && !e; i++) {
		const card *c;
		npu_part one;
		e = card_find(g, &w->plan->shares[i], a, &c, f);
		if (!e)
			e = npu_find(g, w, &w->plan->shares[i], c, &one, f);
		if (!e)
			e = npu_parts_check(g->devices, one, f);
	}
	return e;
}

static void npus_add(const giver *g, const kubelet_wish *w, parts *p, arena *a)
{
	for (uint32_t i = 0; i < w->plan->n; i++) {
		const card *c;
		npu_part one;
		if (!card_find(g, &w->plan->shares[i], a, &c, NULL) &&
			!npu_find(g, w, &w->plan->shares[i], c, &one, NULL))
			npu_parts_add(g->devices, one, p, a);
	}
	npu_parts_common(g->devices, p, a);
}

/* The newest plan that was carried out is remembered with the allocation: one that was signed before it is put back by
 * somebody. */
static err fence_check(const allocation *old, const plan_record *plan, fault *f)
{
	int64_t seen;

	if (!old || !str_to_i64(str_from(old->fence), &seen) || plan->fence >= seen)
		return ERR_OK;
	return fault_set(f, ERR_PERMISSION_DENIED, NULL, "the plan is older than one seen before");
}

/* The kubelet has recorded the names that it was told at first, and goes on with them whatever files there are later.
 */
static err allocate(giver *g, const kubelet_wish *w, bool is_npus, arena *a, const allocation **ret, fault *f)
{
	const local_pod *p = w->pod;
	char id[ALLOCATION_ID_MAX];
	str fence = str_print(a, "%lld", (long long)p->plan.fence);
	allocation_ask q = {.id = id,
		.owner = {.placement = p->plan.placement,
			.fence = fence,
			.pod_uid = p->p.meta.uid,
			.namespace = p->p.meta.space,
			.pod = p->p.meta.name,
			.container = w->plan->name}};
	giver_id(p->p.meta.uid, w->plan->name, id);
	const allocation *old = allocation_find(g->c.allocations, str_from(id));
	err e = fence_check(old, &p->plan, f);

	if (!e && old)
		(void)leftover_sweep(g->c.allocations, old);
	if (!e)
		e = share_fill(g, w, a, &q.share, f);
	q.by_maker = old ? old->by_maker : !is_npus && is_told_by_maker(g, w, a);
	if (!e && !q.by_maker)
		e = is_npus ? npus_check(g, w, a, f) : nodes_check(g, w, a, f);
	g->giving = id;
	if (!e)
		e = allocation_make(g->c.allocations, &q, ret, f);
	g->giving = NULL;
	return e;
}

static void gpus_add(const giver *g, const allocation *of, const kubelet_wish *w, parts *p, arena *a)
{
	if (!of->by_maker) {
		devices_add(g, w, p, a);
		if (g->cdi_folder)
			driver_add(p, a);
	}
	mounts_add(g, of, p, a);
	shim_add(g, p, a);
	/* The maker's runtime adds devices by this variable; with CDI there is nothing for it to add. */
	parts_variable(p, "NVIDIA_VISIBLE_DEVICES", g->cdi_folder ? "void" : uuids_of(of, a));
}

err giver_give(void *arg, const kubelet_wish *w, arena *a, kubelet_gift *ret, fault *f)
{
	giver *g = arg;
	parts *p = ARENA_NEW(a, parts);
	const allocation *of;
	bool is_npus;
	err e = npus_are_meant(g, w, &is_npus, a, f);

	if (!e)
		e = allocate(g, w, is_npus, a, &of, f);
	if (e)
		return e;
	if (is_npus)
		npus_add(g, w, p, a);
	else
		gpus_add(g, of, w, p, a);
	if (g->cdi_folder)
		return say_by_name(g, of, w, p, a, ret, f);
	say_by_parts(p, a, ret);
	return ERR_OK;
}

bool giver_was_given(void *arg, const local_pod *p, uint32_t container, str resource)
{
	giver *g = arg;
	char id[ALLOCATION_ID_MAX];

	(void)resource;
	giver_id(p->p.meta.uid, p->p.containers[container].name, id);
	return allocation_find(g->c.allocations, str_from(id)) != NULL;
}

static void release(giver *g, const char *id)
{
	if (g->c.instances)
		instances_release(g->c.instances, str_from(id));
	if (g->c.npus)
		instances_release(g->c.npus, str_from(id));
}

void giver_ended(giver *g, const char *id)
{
	if (g->cdi_folder)
		(void)!cdi_remove(g->cdi_folder, id, NULL);
	/* One that is made anew has its new instance already. */
	bool is_anew = g->giving && strcmp(g->giving, id) == 0;
	if (!is_anew)
		release(g, id);
}

void giver_refused(giver *g, const local_pod *p)
{
	char id[ALLOCATION_ID_MAX];

	for (uint32_t i = 0; i < p->p.n_containers; i++) {
		giver_id(p->p.meta.uid, p->p.containers[i].name, id);
		if (!allocation_find(g->c.allocations, str_from(id)))
			release(g, id);
	}
}

static bool is_used(void *arg, const char *name)
{
	const giver *g = arg;

	return allocation_find(g->c.allocations, str_from(name)) != NULL;
}

static bool is_given(void *arg, str of)
{
	const giver *g = arg;

	return allocation_find(g->c.allocations, of) != NULL;
}

uint32_t giver_sweep(giver *g)
{
	if (g->c.instances)
		instances_sweep(g->c.instances, is_given, g);
	if (g->c.npus)
		instances_sweep(g->c.npus, is_given, g);
	return g->cdi_folder ? cdi_sweep(g->cdi_folder, is_used, g) : 0;
}

static slot_device slot_of(const cards *all, const card *c, str resource, int32_t shares)
{
	/* Where there was none from the start the kernel's word counts; where it went away the driver did. */
	bool has_lost_nvml = !all->has_nvml && all->driver[0];

	return (slot_device){.resource = resource,
		.uuid = str_from(c->uuid),
		.slots = shares,
		.numa = c->numa,
		.is_healthy = c->state == CARD_OK || (c->state == CARD_UNMONITORED && !has_lost_nvml)};
}

/* Its maker's tool says what it is; without rules by which it is cut there is nothing to count. */
static slot_device npu_slot_of(const card *c)
{
	return (slot_device){.resource = str_from(vendor_of_product(c->maker, str_from(c->product))->resources.count),
		.uuid = str_from(c->uuid),
		.slots = VNPU_PER_CHIP,
		.numa = c->numa,
		.is_healthy = c->state == CARD_OK};
}

uint32_t giver_slots(const cards *all, str resource, int32_t shares, bool has_npus, arena *a, slot_device **ret)
{
	uint32_t n = 0;

	*ret = ARENA_ARRAY(a, slot_device, all->n + 1);
	for (uint32_t i = 0; i < all->n; i++) {
		const card *c = &all->v[i];
		if (strcmp(c->maker, "nvidia") == 0)
			(*ret)[n++] = slot_of(all, c, resource, shares);
		else if (has_npus && is_npu(c) && c->is_mig)
			(*ret)[n++] = npu_slot_of(c);
	}
	return n;
}
