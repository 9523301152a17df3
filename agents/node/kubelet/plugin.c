#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include "agents/node/kubelet/kubelet_inside.h"
#include "agents/node/kubelet/message.h"
#include "base/id.h"
#include "proto/deviceplugin.pb-c.h"

enum { NAME_BYTES = 256, MESSAGE_BYTES_MAX = 1 << 16, REGISTER_MS = 10000 };

static void on_options(void *arg, grpc_call *c, str message)
{
	V1beta1__DevicePluginOptions o;
	buf out;

	(void)arg, (void)message;
	v1beta1__device_plugin_options__init(&o);
	o.pre_start_required = o.get_preferred_allocation_available = true;
	buf_init(&out, MESSAGE_BYTES_MAX);
	message_write(&o.base, &out);
	grpc_answer(c, buf_str(&out));
	buf_done(&out);
}

static void on_fill(void *arg, grpc_call *c, buf *out)
{
	plugin *p = arg;

	(void)c;
	slots_write(&p->slots, out);
}

static void on_watcher_gone(void *arg, grpc_call *c)
{
	plugin *p = arg;

	for (uint32_t i = 0; i < p->watchers.n; i++)
		if (p->watchers.v[i] == c) {
			vec_remove_fast(&p->watchers, i);
			return;
		}
}

static void on_watch(void *arg, grpc_call *c, str message)
{
	plugin *p = arg;

	(void)message;
	vec_push(&p->watchers, c);
	grpc_stream_open(c, on_fill, on_watcher_gone, p);
}

static const grpc_method methods[] = {
	{"/v1beta1.DevicePlugin/GetDevicePluginOptions", on_options},
	{"/v1beta1.DevicePlugin/ListAndWatch", on_watch},
	{"/v1beta1.DevicePlugin/GetPreferredAllocation", admission_prefer},
	{"/v1beta1.DevicePlugin/Allocate", admission_allocate},
	{"/v1beta1.DevicePlugin/PreStartContainer", admission_pre_start},
};

static void try_later(plugin *p, int64_t us)
{
	loop_timer_arm(p->again, us);
}

static int64_t backoff_us(plugin *p)
{
	uint64_t random;

	random_bytes(&random, sizeof(random));
	return backoff_next(&p->wait, random);
}

static void say(plugin *p, const char *why)
{
	const kubelet_config *c = &p->k->c;

	if (c->on_registered)
		c->on_registered(c->arg, str_from(p->resource), why);
}

/* A kubelet that has us has a connection to us; without one the node counts no devices any more. */
static void on_connection(void *arg, int change)
{
	plugin *p = arg;

	p->connections += change;
	if (p->connections == 0 && p->server)
		try_later(p, (int64_t)KUBELET_GONE_MS * 1000);
}

static void on_registered(void *arg, const grpc_reply *r)
{
	plugin *p = arg;

	p->asking = NULL;
	p->is_registered = r->status == GRPC_OK;
	if (p->is_registered) {
		backoff_reset(&p->wait);
		say(p, NULL);
		/* It connects before it answers; one that does not has nothing of us. */
		if (p->connections == 0)
			try_later(p, (int64_t)KUBELET_GONE_MS * 1000);
	} else if (r->status != GRPC_CANCELLED) {
		AUTO_ARENA a = arena_new(0);
		say(p, str_z(a, r->text));
		try_later(p, backoff_us(p));
	}
}

static void register_send(plugin *p)
{
	V1beta1__DevicePluginOptions o;
	V1beta1__RegisterRequest q;
	buf out;

	v1beta1__device_plugin_options__init(&o);
	o.pre_start_required = o.get_preferred_allocation_available = true;
	v1beta1__register_request__init(&q);
	q.version = "v1beta1";
	q.endpoint = p->endpoint;
	q.resource_name = p->resource;
	q.options = &o;
	buf_init(&out, MESSAGE_BYTES_MAX);
	message_write(&q.base, &out);
	grpc_request ask = {
		.path = "/v1beta1.Registration/Register",
		.message = buf_str(&out),
		.timeout_us = (int64_t)REGISTER_MS * 1000,
		.on_done = on_registered,
		.arg = p,
	};
	p->asking = grpc_send(p->k->registration, &ask);
	buf_done(&out);
}

static bool serve(plugin *p)
{
	grpc_service s = {
		.loop = p->k->c.loop,
		.path = p->path,
		.methods = methods,
		.n = sizeof(methods) / sizeof(*methods),
		.arg = p,
		.on_connection = on_connection,
	};
	fault f = {0};

	if (p->server && grpc_server_is_reachable(p->server))
		return true;
	grpc_server_close(p->server);
	p->server = NULL;
	p->is_registered = false;
	if (grpc_server_open(&s, &p->server, &f) == ERR_OK)
		return true;
	say(p, f.detail);
	return false;
}

void plugin_look(plugin *p, bool is_new)
{
	if (is_new)
		p->is_registered = false;
	if (!serve(p)) {
		try_later(p, backoff_us(p));
		return;
	}
	if (p->is_registered && p->connections == 0)
		p->is_registered = false;
	if (!p->is_registered && !p->asking && p->k->is_there)
		register_send(p);
}

static void on_again(void *arg)
{
	plugin_look(arg, false);
}

/* "nvidia.com/gpu" -> "reeve-nvidia.com_gpu.sock" */
static char *endpoint_of(str resource)
{
	char name[NAME_BYTES];

	(void)snprintf(name, sizeof(name), "reeve-" STR_FMT ".sock", STR_ARG(resource));
	for (char *c = name; *c; c++)
		if (*c == '/')
			*c = '_';
	return strdup(name);
}

plugin *plugin_open(kubelet *k, str resource)
{
	plugin *p = calloc(1, sizeof(*p));
	char path[2 * NAME_BYTES];

	assert(p);
	p->k = k;
	p->resource = strndup(resource.p, resource.n);
	p->endpoint = endpoint_of(resource);
	assert(p->resource && p->endpoint);
	(void)snprintf(path, sizeof(path), "%s/%s", k->plugins_dir, p->endpoint);
	p->path = strdup(path);
	assert(p->path);
	p->again = loop_timer_new(k->c.loop, on_again, p);
	slots_init(&p->slots, resource, NULL, 0);
	return p;
}

void plugin_close(plugin *p)
{
	grpc_server *server = p->server;

	p->server = NULL; /* its connections going is no reason to register */
	grpc_server_close(server);
	loop_timer_free(p->again);
	slots_done(&p->slots);
	vec_done(&p->watchers);
	free(p->resource);
	free(p->endpoint);
	free(p->path);
	free(p);
}

void plugin_devices_set(plugin *p, const slot_device *devices, uint32_t n)
{
	slots now;

	slots_init(&now, str_from(p->resource), devices, n);
	if (slots_are_same(&now, &p->slots)) {
		slots_done(&now);
		return;
	}
	slots_done(&p->slots);
	p->slots = now;
	vec_each (c, &p->watchers)
		grpc_stream_changed(*c);
}
