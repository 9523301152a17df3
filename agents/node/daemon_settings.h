/* daemon_settings: what can be set of reeve-node, by flag, environment or default. */
#pragma once
#include "agents/node/audit.h"
#include "agents/node/giver.h"

typedef struct daemon_settings {
	const char *node, *state_dir, *metrics_listen, *nvml, *npu_smi, *sysfs, *procfs, *devfs, *kernel_log,
		*kubelet_dir;
	const char *agent, *agent_ca, *token_file;
	const char *kubeconfig, *plan_keys, *resource, *cdi_dir, *shim, *libraries;
	const char *audit, *log_level;
	int64_t audit_ms, scan_ms, probe_timeout_ms, npu_timeout_ms, report_ms, shares;
	audit_policy policy;
	giver_form form;
	char host[256]; /* what `node` points to when it was not set */
} daemon_settings;

/* Reads them and opens the log. Not 0: what was asked is wrong, and was said. *ret_is_done: --help or --version was
 * asked for. */
int daemon_settings_read(daemon_settings *ret, int argc, char **argv, bool *ret_is_done);
