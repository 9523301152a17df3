/* kubelet_double: the kubelet's side of device plugins, as the recorded talk shows it (tests/data/kubernetes/kubelet).
 *
 * It takes registrations, connects back before it answers them, keeps the list of a plugin's devices, and admits pods
 * one after the other: a pod is counted first, then each container, init containers first, gets its devices by
 * GetPreferredAllocation and Allocate; the first container after an init container takes over that one's devices. What
 * was answered is kept with the container, for the test to look at.
 */
#pragma once
#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include "agents/node/kubelet/message.h"
#include "base/vec.h"
#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "proto/deviceplugin.pb-c.h"
#include "proto/podresources.pb-c.h"

enum { DOUBLE_CONTAINERS = 6, DOUBLE_IDS = 16, DOUBLE_NAME = 64, DOUBLE_ANSWER = 512, DOUBLE_MESSAGE = 16 << 20 };

typedef struct double_container {
	char name[DOUBLE_NAME];
	bool is_init;
	uint32_t n; /* devices it asks for */
	char ids[DOUBLE_IDS][DOUBLE_NAME];
	uint32_t n_ids;
	char answer[DOUBLE_ANSWER]; /* the variables it got: "KEY=VALUE;" each */
	bool is_started;
} double_container;

typedef struct double_pod {
	char name[DOUBLE_NAME];
	double_container c[DOUBLE_CONTAINERS];
	uint32_t n;
	bool is_known; /* counted: listed */
	bool is_admitted, is_failed;
	char why[256];
} double_pod;

typedef struct kubelet_double {
	loop *loop;
	char folder[64], plugins[96], pods_folder[96], socket[128], pods_socket[128];
	grpc_server *registration, *lister;
	grpc_client *plugin;
	char endpoint[128], resource[128];
	bool wants_pre_start, wants_preference;
	uint32_t n_registered, n_lists, n_states;
	/* The plugin's devices, as last told. */
	vec(char *) healthy;
	uint32_t n_unhealthy;
	grpc_call *registering;
	grpc_ask *watching;
	vec(double_pod *) queue; /* to admit */
	vec(double_pod *) pods;  /* counted */
	double_pod *admitting;
	uint32_t at; /* container */
	char *preferred[DOUBLE_IDS];
	uint32_t n_preferred;
	bool ignores_preference;
	void (*on_admitted)(void *arg, double_pod *p); /* or failed */
	void *arg;
	uint32_t n_allocates;
	/* Every Allocate's and GetPreferredAllocation's message, where a test wants to see them. */
	void (*on_sent)(void *arg, const char *method, str message);
} kubelet_double;

static inline void double_admit_next(kubelet_double *d);

static inline str double_pack(const ProtobufCMessage *m, buf *out)
{
	buf_init(out, DOUBLE_MESSAGE);
	message_write(m, out);
	return buf_str(out);
}

static inline bool double_is_used(const kubelet_double *d, const char *id)
{
	for (uint32_t i = 0; i < d->pods.n; i++)
		for (uint32_t j = 0; j < d->pods.v[i]->n && !d->pods.v[i]->is_failed; j++)
			for (uint32_t k = 0; k < d->pods.v[i]->c[j].n_ids; k++)
				if (strcmp(d->pods.v[i]->c[j].ids[k], id) == 0)
					return true;
	return false;
}

static inline void double_finish(kubelet_double *d, bool is_admitted, str why)
{
	double_pod *p = d->admitting;

	p->is_admitted = is_admitted;
	p->is_failed = !is_admitted;
	(void)snprintf(p->why, sizeof(p->why), STR_FMT, STR_ARG(why));
	if (p->is_failed)
		for (uint32_t i = 0; i < p->n; i++)
			p->c[i].n_ids = 0;
	d->admitting = NULL;
	if (d->on_admitted)
		d->on_admitted(d->arg, p);
	double_admit_next(d);
}

static inline void double_container_next(kubelet_double *d);

static inline void double_allocated(void *arg, const grpc_reply *r)
{
	kubelet_double *d = arg;
	AUTO_ARENA a = arena_new(0);
	double_container *c;

	if (!d->admitting)
		return;
	c = &d->admitting->c[d->at];
	if (r->status != GRPC_OK) {
		double_finish(d, false, r->text);
		return;
	}
	V1beta1__AllocateResponse *m = message_read(&v1beta1__allocate_response__descriptor, r->message, a);
	cr_assert(m && m->n_container_responses == 1);
	buf text;
	buf_init(&text, DOUBLE_ANSWER - 1);
	for (size_t i = 0; i < m->container_responses[0]->n_envs; i++)
		buf_printf(&text, "%s=%s;", m->container_responses[0]->envs[i]->key,
			m->container_responses[0]->envs[i]->value);
	(void)snprintf(c->answer, sizeof(c->answer), STR_FMT, STR_ARG(buf_str(&text)));
	buf_done(&text);
	/* Recorded before anything else is asked. */
	c->n_ids = d->n_preferred;
	for (uint32_t i = 0; i < d->n_preferred; i++)
		(void)snprintf(c->ids[i], DOUBLE_NAME, "%s", d->preferred[i]);
	d->at++;
	double_container_next(d);
}

static inline void double_send(
	kubelet_double *d, const char *path, str message, void (*on_done)(void *, const grpc_reply *))
{
	grpc_request q = {path, message, 60000000, 0, NULL, on_done, d};

	if (d->on_sent)
		d->on_sent(d->arg, path, message);
	(void)grpc_send(d->plugin, &q);
}

static inline void double_allocate(kubelet_double *d)
{
	V1beta1__ContainerAllocateRequest one, *all[] = {&one};
	V1beta1__AllocateRequest q;
	buf out;

	v1beta1__container_allocate_request__init(&one);
	v1beta1__allocate_request__init(&q);
	one.devices_ids = d->preferred;
	one.n_devices_ids = d->n_preferred;
	q.container_requests = all;
	q.n_container_requests = 1;
	d->n_allocates++;
	double_send(d, "/v1beta1.DevicePlugin/Allocate", double_pack(&q.base, &out), double_allocated);
	buf_done(&out);
}

static inline void double_prefer_clear(kubelet_double *d)
{
	for (uint32_t i = 0; i < d->n_preferred; i++)
		free(d->preferred[i]);
	d->n_preferred = 0;
}

static inline void double_take(kubelet_double *d, const char *id)
{
	cr_assert(d->n_preferred < DOUBLE_IDS);
	d->preferred[d->n_preferred++] = strdup(id);
}

static inline void double_preferred(void *arg, const grpc_reply *r)
{
	kubelet_double *d = arg;
	AUTO_ARENA a = arena_new(0);

	if (!d->admitting)
		return;
	if (r->status != GRPC_OK) {
		double_finish(d, false, r->text);
		return;
	}
	V1beta1__PreferredAllocationResponse *m =
		message_read(&v1beta1__preferred_allocation_response__descriptor, r->message, a);
	cr_assert(m && m->n_container_responses == 1);
	V1beta1__ContainerPreferredAllocationResponse *one = m->container_responses[0];
	cr_assert_eq(one->n_device_ids, d->admitting->c[d->at].n);
	if (!d->ignores_preference) {
		double_prefer_clear(d);
		for (size_t i = 0; i < one->n_device_ids; i++)
			double_take(d, one->device_ids[i]);
	}
	double_allocate(d);
}

/* The first app container takes over what an init container had. */
static inline bool double_reuse(kubelet_double *d)
{
	const double_pod *p = d->admitting;
	const double_container *c = &p->c[d->at];

	if (c->is_init)
		return false;
	for (uint32_t i = 0; i < d->at; i++)
		if (!p->c[i].is_init && p->c[i].n)
			return false;
	for (uint32_t i = 0; i < d->at; i++)
		for (uint32_t j = 0; j < p->c[i].n_ids && d->n_preferred < c->n; j++)
			double_take(d, p->c[i].ids[j]);
	return d->n_preferred == c->n;
}

static inline void double_prefer(kubelet_double *d)
{
	V1beta1__ContainerPreferredAllocationRequest one, *all[] = {&one};
	V1beta1__PreferredAllocationRequest q;
	AUTO_ARENA a = arena_new(0);
	uint32_t n = d->admitting->c[d->at].n, reused = d->n_preferred;
	buf out;

	v1beta1__container_preferred_allocation_request__init(&one);
	v1beta1__preferred_allocation_request__init(&q);
	one.must_include_device_ids = ARENA_ARRAY(a, char *, reused + 1);
	for (uint32_t i = 0; i < reused; i++)
		one.must_include_device_ids[one.n_must_include_device_ids++] =
			(char *)str_z(a, str_from(d->preferred[i]));
	one.available_device_ids = ARENA_ARRAY(a, char *, d->healthy.n + reused + 1);
	for (uint32_t i = 0; i < reused; i++)
		one.available_device_ids[one.n_available_device_ids++] = one.must_include_device_ids[i];
	for (uint32_t i = 0; i < d->healthy.n; i++)
		if (!double_is_used(d, d->healthy.v[i]))
			one.available_device_ids[one.n_available_device_ids++] = d->healthy.v[i];
	one.allocation_size = (int32_t)n;
	for (size_t i = reused; i < one.n_available_device_ids && d->n_preferred < n; i++)
		double_take(d, one.available_device_ids[i]);
	if (d->n_preferred < n) {
		double_finish(d, false, S("not enough devices"));
		return;
	}
	q.container_requests = all;
	q.n_container_requests = 1;
	double_send(d, "/v1beta1.DevicePlugin/GetPreferredAllocation", double_pack(&q.base, &out), double_preferred);
	buf_done(&out);
}

static inline void double_container_next(kubelet_double *d)
{
	double_pod *p = d->admitting;

	while (d->at < p->n && p->c[d->at].n == 0)
		d->at++;
	if (d->at == p->n) {
		double_finish(d, true, S(""));
		return;
	}
	double_prefer_clear(d);
	if (double_reuse(d))
		double_allocate(d);
	else
		double_prefer(d);
}

static inline void double_admit_begin(void *arg)
{
	kubelet_double *d = arg;

	if (d->admitting || d->queue.n == 0 || !d->plugin)
		return;
	d->admitting = d->queue.v[0];
	memmove(d->queue.v, d->queue.v + 1, --d->queue.n * sizeof(*d->queue.v));
	d->admitting->is_known = true;
	vec_push(&d->pods, d->admitting);
	d->at = 0;
	double_container_next(d);
}

static inline void double_admit_next(kubelet_double *d)
{
	loop_defer(d->loop, double_admit_begin, d);
}

static inline void double_admit(kubelet_double *d, double_pod *p)
{
	vec_push(&d->queue, p);
	double_admit_next(d);
}

/* A pod that something else than devices refused: it stays listed until its state is known. */
static inline void double_reject(kubelet_double *d, double_pod *p)
{
	p->is_known = p->is_failed = true;
	vec_push(&d->pods, p);
}

static inline void double_forget(kubelet_double *d, double_pod *p)
{
	for (uint32_t i = 0; i < d->pods.n; i++)
		if (d->pods.v[i] == p)
			vec_remove_fast(&d->pods, i--);
}

static inline void double_healthy_clear(kubelet_double *d)
{
	vec_each (id, &d->healthy)
		free(*id);
	vec_clear(&d->healthy);
}

static inline void double_state(void *arg, str message)
{
	kubelet_double *d = arg;
	AUTO_ARENA a = arena_new(0);
	V1beta1__ListAndWatchResponse *m = message_read(&v1beta1__list_and_watch_response__descriptor, message, a);

	cr_assert(m);
	d->n_states++;
	d->n_unhealthy = 0;
	double_healthy_clear(d);
	for (size_t i = 0; i < m->n_devices; i++)
		if (strcmp(m->devices[i]->health, "Healthy") == 0)
			vec_push(&d->healthy, strdup(m->devices[i]->id));
		else
			d->n_unhealthy++;
	double_admit_next(d);
}

/* The connection went: the node has no devices of the resource any more. */
static inline void double_watch_over(void *arg, const grpc_reply *r)
{
	kubelet_double *d = arg;

	(void)r;
	d->watching = NULL;
	double_healthy_clear(d);
}

static inline void double_connected(void *arg, const grpc_reply *r)
{
	kubelet_double *d = arg;
	AUTO_ARENA a = arena_new(0);
	V1beta1__DevicePluginOptions *o =
		r->status == GRPC_OK ? message_read(&v1beta1__device_plugin_options__descriptor, r->message, a) : NULL;
	grpc_request watch = {
		"/v1beta1.DevicePlugin/ListAndWatch", S(""), 0, DOUBLE_MESSAGE, double_state, double_watch_over, d};
	grpc_call *call = d->registering;

	if (!call)
		return;
	d->registering = NULL;
	if (!o) {
		grpc_refuse(call, GRPC_UNKNOWN, "the plugin cannot be reached");
		return;
	}
	d->wants_pre_start = o->pre_start_required;
	d->wants_preference = o->get_preferred_allocation_available;
	d->watching = grpc_send(d->plugin, &watch);
	d->n_registered++;
	grpc_answer(call, S(""));
}

static inline void double_register_gone(void *arg, grpc_call *c)
{
	(void)c;
	((kubelet_double *)arg)->registering = NULL;
}

static inline void double_register(void *arg, grpc_call *c, str message)
{
	kubelet_double *d = arg;
	AUTO_ARENA a = arena_new(0);
	V1beta1__RegisterRequest *q = message_read(&v1beta1__register_request__descriptor, message, a);
	char path[256];

	if (!q || strcmp(q->version, "v1beta1") != 0 || strchr(q->endpoint, '/')) {
		grpc_refuse(c, GRPC_INVALID_ARGUMENT, "no such version");
		return;
	}
	(void)snprintf(d->endpoint, sizeof(d->endpoint), "%s", q->endpoint);
	(void)snprintf(d->resource, sizeof(d->resource), "%s", q->resource_name);
	(void)snprintf(path, sizeof(path), "%s/%s", d->plugins, q->endpoint);
	grpc_client_free(d->plugin);
	d->plugin = grpc_client_new(d->loop, path);
	d->registering = c;
	grpc_call_on_gone(c, double_register_gone, d);
	double_send(d, "/v1beta1.DevicePlugin/GetDevicePluginOptions", S(""), double_connected);
}

/* Init containers are not listed, and each device stands in an entry of its own. */
static inline void double_list_pod(const kubelet_double *d, const double_pod *p, V1__PodResources *out, arena *a)
{
	v1__pod_resources__init(out);
	out->name = (char *)p->name;
	out->namespace_ = "default";
	out->containers = ARENA_ARRAY(a, V1__ContainerResources *, p->n + 1);
	for (uint32_t i = 0; i < p->n; i++) {
		const double_container *c = &p->c[i];
		V1__ContainerResources *r = ARENA_NEW(a, V1__ContainerResources);
		if (c->is_init)
			continue;
		v1__container_resources__init(r);
		r->name = (char *)c->name;
		r->devices = ARENA_ARRAY(a, V1__ContainerDevices *, c->n_ids + 1);
		for (uint32_t j = 0; j < c->n_ids; j++) {
			V1__ContainerDevices *one = ARENA_NEW(a, V1__ContainerDevices);
			v1__container_devices__init(one);
			one->resource_name = (char *)d->resource;
			one->device_ids = ARENA_ARRAY(a, char *, 1);
			one->device_ids[one->n_device_ids++] = (char *)c->ids[j];
			r->devices[r->n_devices++] = one;
		}
		out->containers[out->n_containers++] = r;
	}
}

static inline void double_list(void *arg, grpc_call *c, str message)
{
	kubelet_double *d = arg;
	AUTO_ARENA a = arena_new(0);
	V1__ListPodResourcesResponse r;
	buf out;

	(void)message;
	d->n_lists++;
	v1__list_pod_resources_response__init(&r);
	r.pod_resources = ARENA_ARRAY(a, V1__PodResources *, d->pods.n + 1);
	for (uint32_t i = 0; i < d->pods.n; i++) {
		V1__PodResources *p = ARENA_NEW(a, V1__PodResources);
		double_list_pod(d, d->pods.v[i], p, a);
		r.pod_resources[r.n_pod_resources++] = p;
	}
	grpc_answer(c, double_pack(&r.base, &out));
	buf_done(&out);
}

static const grpc_method double_registration[] = {{"/v1beta1.Registration/Register", double_register}};
static const grpc_method double_lister[] = {{"/v1.PodResourcesLister/List", double_list}};

static inline void double_serve(kubelet_double *d)
{
	grpc_service registration = {d->loop, d->socket, double_registration, 1, d, NULL};
	grpc_service lister = {d->loop, d->pods_socket, double_lister, 1, d, NULL};
	fault f = {0};

	cr_assert_eq(grpc_server_open(&lister, &d->lister, &f), ERR_OK, "%s", f.detail);
	cr_assert_eq(grpc_server_open(&registration, &d->registration, &f), ERR_OK, "%s", f.detail);
}

static inline void double_open(kubelet_double *d, loop *l)
{
	*d = (kubelet_double){.loop = l};
	(void)snprintf(d->folder, sizeof(d->folder), "/tmp/reeve-kubelet-XXXXXX");
	cr_assert(mkdtemp(d->folder));
	(void)snprintf(d->plugins, sizeof(d->plugins), "%s/device-plugins", d->folder);
	(void)snprintf(d->pods_folder, sizeof(d->pods_folder), "%s/pod-resources", d->folder);
	(void)snprintf(d->socket, sizeof(d->socket), "%s/kubelet.sock", d->plugins);
	(void)snprintf(d->pods_socket, sizeof(d->pods_socket), "%s/kubelet.sock", d->pods_folder);
	cr_assert_eq(mkdir(d->plugins, 0750), 0);
	cr_assert_eq(mkdir(d->pods_folder, 0750), 0);
	double_serve(d);
}

/* The process ends: its connections go, its sockets stay behind. */
static inline void double_stop(kubelet_double *d)
{
	grpc_server_close(d->registration);
	grpc_server_close(d->lister);
	grpc_client_free(d->plugin);
	d->registration = d->lister = NULL;
	d->plugin = NULL;
	double_healthy_clear(d);
}

/* And starts anew: it removes the sockets of all plugins. */
static inline void double_start(kubelet_double *d)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", d->plugins, d->endpoint);
	(void)unlink(path);
	double_serve(d);
}

static inline void double_close(kubelet_double *d)
{
	double_stop(d);
	double_prefer_clear(d);
	vec_done(&d->healthy);
	vec_done(&d->queue);
	vec_done(&d->pods);
	(void)rmdir(d->plugins);
	(void)rmdir(d->pods_folder);
	(void)rmdir(d->folder);
}
