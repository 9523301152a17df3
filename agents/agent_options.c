#include "agents/agent_options.h"
#include "agents/cluster/enrol.h"
#include "agents/kube/leader.h"
#include "agents/kube/object.h"
#include "agents/simulate/crowd.h"
#include "base/log.h"

static const setting rows[] = {
	{.name = "server",
		.kind = SETTING_TEXT,
		.at = offsetof(options, server),
		.help = "Where the server is: https://host:port."},
	{.name = "ca",
		.kind = SETTING_TEXT,
		.at = offsetof(options, ca),
		.help = "PEM file of the certificates that may vouch for the server. Once joined, it may be left out."},
	{.name = "state-dir",
		.kind = SETTING_TEXT,
		.at = offsetof(options, state_dir),
		.initial = "/var/lib/reeve-agent",
		.help = "Folder of the agent's key, certificate and journals; made when it is not there."},
	{.name = "join-token",
		.kind = SETTING_TEXT,
		.at = offsetof(options, join_token),
		.max = ENROL_TOKEN_MAX,
		.is_secret = true,
		.help = "The token of this cluster (rv_join_...); needed until it has joined."},
	{.name = "join-token-file",
		.kind = SETTING_TEXT,
		.at = offsetof(options, join_token_file),
		.help = "A file with that token, so that it stands in no process list."},
	{.name = "simulate",
		.kind = SETTING_TEXT,
		.at = offsetof(options, simulate),
		.help = "Govern a simulated cluster, described in this JSON file. SIGHUP reads its nodes again."},
	{.name = "kubeconfig",
		.kind = SETTING_TEXT,
		.at = offsetof(options, kubeconfig),
		.help = "Govern the Kubernetes cluster that this file leads to; in-cluster: the one this pod runs in."},
	{.name = "kube-context",
		.kind = SETTING_TEXT,
		.at = offsetof(options, kube_context),
		.help = "The context of the kubeconfig; not given: its current one."},
	{.name = "namespace",
		.kind = SETTING_TEXT,
		.at = offsetof(options, namespace),
		.max = OBJECT_NAME_MAX,
		.help = "Namespace of the agent's own Secret and Lease; not given: the one it runs in, or the context's."},
	{.name = "secret",
		.kind = SETTING_TEXT,
		.at = offsetof(options, secret),
		.initial = "reeve-agent",
		.max = OBJECT_NAME_MAX,
		.help = "Secret that holds the identity of the cluster's agents and what they have spent; made when it is "
			"not there."},
	{.name = "lease",
		.kind = SETTING_TEXT,
		.at = offsetof(options, lease),
		.initial = "reeve-agent",
		.max = OBJECT_NAME_MAX,
		.help = "Lease by which the agents of a cluster agree on which of them acts."},
	{.name = "lease-s",
		.kind = SETTING_I64,
		.at = offsetof(options, lease_s),
		.initial = "15",
		.min = 1,
		.max = 3600,
		.help = "Seconds after which another agent takes that Lease from one that is gone."},
	{.name = "node-account",
		.kind = SETTING_TEXT,
		.at = offsetof(options, node_account),
		.initial = "reeve-node",
		.max = OBJECT_NAME_MAX,
		.help = "Service account of reeve-node, in the same namespace: whose reports are taken."},
	{.name = "pod-name",
		.kind = SETTING_TEXT,
		.at = offsetof(options, pod),
		.max = OBJECT_NAME_MAX,
		.help = "The pod that this agent runs in, of the same namespace: it is labelled reeve.io/acting while the agent "
			"acts, so that a Service may select that one. Not given: nothing is labelled."},
	{.name = "identity",
		.kind = SETTING_TEXT,
		.at = offsetof(options, identity),
		.max = LEADER_IDENTITY_MAX,
		.help = "What this agent is called in the Lease and in events; not given: host name and process."},
	{.name = "listen",
		.kind = SETTING_TEXT,
		.at = offsetof(options, listen),
		.initial = "127.0.0.1:0",
		.help = "Where the agent answers the scheduler and the API server: host:port."},
	{.name = "tls-cert",
		.kind = SETTING_TEXT,
		.at = offsetof(options, tls_cert),
		.help = "PEM file of its certificate there; read again when it changes. Needed but on loopback."},
	{.name = "tls-key",
		.kind = SETTING_TEXT,
		.at = offsetof(options, tls_key),
		.help = "PEM file of that certificate's key."},
	{.name = "client-ca",
		.kind = SETTING_TEXT,
		.at = offsetof(options, client_ca),
		.help = "PEM file: the scheduler must show a certificate that ends in one of these; own: the one that the "
			"agents make for it with --own-certificate. Not given: whoever reaches the agent may ask it as "
			"schedulers do."},
	{.name = "clusters",
		.kind = SETTING_I64,
		.at = offsetof(options, clusters),
		.initial = "1",
		.min = 1,
		.max = CROWD_MAX,
		.help = "So many simulated clusters of that scene, each with an agent of its own; --join-token-file then "
			"has a line for each."},
	{.name = "own-certificate",
		.kind = SETTING_BOOL,
		.at = offsetof(options, own_certificate),
		.help = "The agents make that certificate, keep it in a Secret, renew it and tell the webhook "
			"configurations of it; in the place of --tls-cert."},
	{.name = "serving-secret",
		.kind = SETTING_TEXT,
		.at = offsetof(options, serving_secret),
		.initial = "reeve-agent-serving",
		.max = OBJECT_NAME_MAX,
		.help = "That Secret, in the agent's namespace; made when it is not there."},
	{.name = "service-name",
		.kind = SETTING_TEXT,
		.at = offsetof(options, service),
		.initial = "reeve-agent",
		.max = OBJECT_NAME_MAX,
		.help = "Service of that namespace under which the agents are called; the certificate names it."},
	{.name = "webhooks",
		.kind = SETTING_TEXT,
		.at = offsetof(options, webhooks),
		.initial = "reeve-agent",
		.max = OBJECT_NAME_MAX,
		.help = "Name of the mutating and of the validating webhook configuration."},
	{.name = "record-writers",
		.kind = SETTING_TEXT,
		.at = offsetof(options, record_writers),
		.initial = "kube-system,hami-system",
		.help = "Namespaces whose service accounts may change what a pod was given, with commas between; the agent's "
			"own is one. Counts before Kubernetes 1.30, where the webhook is asked about that."},
	{.name = "scheduler-name",
		.kind = SETTING_TEXT,
		.at = offsetof(options, scheduler),
		.initial = "reeve-scheduler",
		.max = OBJECT_NAME_MAX,
		.help = "Scheduler that pods which ask for devices get at admission."},
	{.name = "keep-default-scheduler",
		.kind = SETTING_BOOL,
		.at = offsetof(options, keep_scheduler),
		.help = "Pods keep default-scheduler too: it calls the agent's extender itself."},
	{.name = "one-bind-per-node",
		.kind = SETTING_BOOL,
		.at = offsetof(options, one_per_node),
		.help = "Nodes are run by makers' device plugins, which guess whose an allocation is: on each node the next "
			"pod is bound when the last one has its devices, or has waited a minute for them."},
	{.name = "hide-devices",
		.kind = SETTING_BOOL,
		.at = offsetof(options, hide_devices),
		.help = "Containers that ask for no devices are given variables by which they see none."},
	{.name = "core-policy",
		.kind = SETTING_TEXT,
		.at = offsetof(options, core_policy),
		.help = "GPU_CORE_UTILIZATION_POLICY of every container that asks for devices: force or disable."},
	{.name = "runtime-class",
		.kind = SETTING_TEXT,
		.at = offsetof(options, runtime_class),
		.max = OBJECT_NAME_MAX,
		.help = "Runtime class of pods that ask for devices and name none."},
	{.name = "legacy-metrics",
		.kind = SETTING_BOOL,
		.at = offsetof(options, legacy_metrics),
		.help = "GET /metrics has the series under the names that HAMi once gave them too."},
	{.name = "log-level",
		.kind = SETTING_TEXT,
		.at = offsetof(options, log_level),
		.initial = "info",
		.help = "debug, info, warn or error."},
};

const setting_table agent_settings = {
	.program = "reeve-agent",
	.usage = "[options]",
	.about =
		"Joins a cluster to its Reeve server and carries the server's decisions out in it. It dials out to the "
		"server alone. What runs in the cluster runs on while agent or server are away.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

static bool level_find(const char *name, log_level *ret)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		if (strcmp(name, names[i]) == 0) {
			*ret = (log_level)i;
			return true;
		}
	}
	return false;
}

bool options_own_clients(const options *o)
{
	return o->client_ca && strcmp(o->client_ca, "own") == 0;
}

err options_check(options *o, fault *f)
{
	log_level level;
	size_t n;

	if (!o->server || strncmp(o->server, "https://", 8) != 0)
		return fault_set(f, ERR_SETTING, "--server", "is needed, as https://host:port");
	if (!level_find(o->log_level, &level))
		return fault_set(f, ERR_SETTING, "--log-level", "must be debug, info, warn or error");
	if (!o->simulate == !o->kubeconfig)
		return fault_set(f, ERR_SETTING, "--kubeconfig", "give this, or --simulate: which cluster to govern");
	if (!o->tls_cert != !o->tls_key)
		return fault_set(f, ERR_SETTING, "--tls-key", "certificate and key go together");
	if (o->tls_cert && o->own_certificate)
		return fault_set(f, ERR_SETTING, "--own-certificate", "give this or --tls-cert, not both");
	if (o->client_ca && !o->tls_cert && !o->own_certificate)
		return fault_set(f, ERR_SETTING, "--client-ca",
			"needs --tls-cert or --own-certificate: only there are certificates shown");
	if (options_own_clients(o) && !o->own_certificate)
		return fault_set(f, ERR_SETTING, "--client-ca", "own goes with --own-certificate alone");
	if (o->join_token && o->join_token_file)
		return fault_set(f, ERR_SETTING, "--join-token", "give the token or its file, not both");
	n = strlen(o->server);
	if (n > 1500)
		return fault_set(f, ERR_SETTING, "--server", "is too long");
	log_open("reeve-agent", level);
	return ERR_OK;
}
