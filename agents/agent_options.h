/* agent_options: what reeve-agent is told at its start. */
#pragma once
#include "base/setting.h"

typedef struct options {
	const char *server, *ca, *state_dir, *join_token, *join_token_file, *simulate, *log_level;
	const char *kubeconfig, *kube_context, *namespace, *secret, *lease, *identity, *pod, *node_account;
	const char *listen, *tls_cert, *tls_key, *client_ca;
	const char *scheduler, *service, *serving_secret, *webhooks, *record_writers, *core_policy, *runtime_class;
	bool own_certificate, keep_scheduler, hide_devices, legacy_metrics, one_per_node;
	int64_t lease_s, clusters;
} options;

extern const setting_table agent_settings;

/* --client-ca own: the scheduler shows what the agents made for it. */
bool options_own_clients(const options *o);
/* What no row can say alone; opens the log. ERR_SETTING: the pointer is the flag. */
err options_check(options *o, fault *f) MUST_CHECK;
