/* kubelet_inside: what the files of this folder share of a kubelet and its plugins. */
#pragma once
#include "agents/backoff.h"
#include "agents/node/kubelet/kubelet.h"
#include "agents/node/kubelet/claim.h"
#include "net/grpc_client.h"
#include "net/grpc_server.h"
#include "net/unix_socket.h"

typedef struct plugin plugin;
typedef struct admission admission;

struct plugin {
	kubelet *k;
	char *resource, *endpoint, *path; /* endpoint: the socket's file name */
	slots slots;
	grpc_server *server;
	vec(grpc_call *) watchers; /* of ListAndWatch */
	int connections;
	bool is_registered;
	grpc_ask *asking; /* the Register under way */
	backoff wait;
	loop_timer *again; /* the next try */
};

struct kubelet {
	kubelet_config c;
	char *plugins_dir, *pod_resources, *socket, *node;
	local_pods pods;
	strangers strangers;
	vec(plugin *) plugins;
	grpc_client *registration, *lister;
	int inotify;
	loop_watch *changes;
	loop_timer *look;
	bool is_there; /* the kubelet's socket, at the last look */
	unix_socket_mark mark;
	admission *admissions; /* under way */
	uint32_t n_admissions;
};

/* plugin.c */
plugin *plugin_open(kubelet *k, str resource);
void plugin_close(plugin *p);
void plugin_devices_set(plugin *p, const slot_device *devices, uint32_t n);
/* Sees that the socket is served; registers unless the kubelet has. is_new: it is another kubelet than before. */
void plugin_look(plugin *p, bool is_new);

/* admission.c: the three calls that ask whose they are. */
void admission_prefer(void *arg, grpc_call *c, str message);
void admission_allocate(void *arg, grpc_call *c, str message);
void admission_pre_start(void *arg, grpc_call *c, str message);
/* What is known of pods has changed: those who wait look again. */
void admission_stir(kubelet *k);
void admission_end(kubelet *k); /* all */

/* answer.c */
void answer_write(const kubelet_gift *g, str resource, buf *out);
