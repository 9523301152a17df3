#include "agents/node/daemon_settings.h"
#include <unistd.h>
#include "agents/node/command.h"
#include "base/log.h"
#include "base/setting.h"

#define TEXT(name_, member, initial_, help_)                                                                           \
	{                                                                                                              \
		.name = name_, .kind = SETTING_TEXT, .at = offsetof(daemon_settings, member), .initial = initial_,     \
		.help = help_                                                                                          \
	}
#define NUMBER(name_, member, initial_, min_, max_, help_)                                                             \
	{                                                                                                              \
		.name = name_, .kind = SETTING_I64, .at = offsetof(daemon_settings, member), .initial = initial_,      \
		.min = min_, .max = max_, .help = help_                                                                \
	}

static const setting rows[] = {
	TEXT("node", node, NULL, "This node's name in its cluster. Default: the machine's host name."),
	TEXT("state-dir", state_dir, "/var/lib/reeve-node", "Folder of the allocations; made when it is not there."),
	TEXT("metrics-listen", metrics_listen, "127.0.0.1:9394",
		"Where /metrics, /livez and /readyz are served; \"\": nowhere."),
	TEXT("nvml", nvml, "libnvidia-ml.so.1", "NVIDIA's management library; \"\": none."),
	TEXT("npu-smi", npu_smi, "",
		"Huawei's tool: with it their NPUs are given to containers, in parts too; \"\": their own plugin gives them."),
	TEXT("sysfs", sysfs, "/sys", "Where sysfs is."),
	TEXT("procfs", procfs, "/proc", "Where NVIDIA's driver shows its devices."),
	TEXT("devfs", devfs, "/dev", "Where the device nodes are that a container is given."),
	TEXT("kernel-log", kernel_log, "/dev/kmsg", "The kernel's log, for errors of devices; \"\": it is not read."),
	TEXT("kubelet-dir", kubelet_dir, "/var/lib/kubelet",
		"Kubelet's folder: a pod lives as long as it has one there."),
	TEXT("agent", agent, NULL, "The cluster's agent: https://host:port. Absent: nothing is reported."),
	TEXT("agent-ca", agent_ca, NULL, "PEM file of who may vouch for it. Absent: the system's."),
	TEXT("token-file", token_file, NULL, "The node's token for it, read before each report."),
	TEXT("kubeconfig", kubeconfig, NULL,
		"in-cluster, or a kubeconfig: be the device plugin of this node's kubelet. Absent: no Kubernetes."),
	TEXT("plan-keys", plan_keys, "/etc/reeve/plan-keys.pem",
		"Public keys that plans of pods are signed with, as PEM; read again when it changes."),
	TEXT("resource", resource, "nvidia.com/gpu", "The resource that the kubelet counts the devices as."),
	TEXT("cdi-dir", cdi_dir, "/var/run/cdi",
		"Where CDI files are written for the container runtime; \"\": it knows no CDI."),
	TEXT("shim", shim, "replace",
		"How a container meets the shim: replace (it has the driver's name; needs CDI), preload or none."),
	TEXT("libraries", libraries, "/usr/lib/reeve",
		"Folder of the shim's libraries and of reeve-hook, on the host."),
	TEXT("audit", audit, "report",
		"What comes of use beyond a share: report, hold (the process is stopped) or kill."),
	NUMBER("audit-ms", audit_ms, "4000", 100, 60000,
		"Between two looks at what processes use; a finding needs two."),
	NUMBER("scan-ms", scan_ms, "30000", 100, 3600000, "Between two looks at which devices there are."),
	NUMBER("probe-timeout-ms", probe_timeout_ms, "5000", 50, 60000, "How long NVML may take to answer."),
	NUMBER("npu-timeout-ms", npu_timeout_ms, "20000", 50, 60000, "How long npu-smi may take to list all NPUs."),
	NUMBER("report-ms", report_ms, "10000", 100, 3600000, "Between two reports to the agent."),
	NUMBER("shares", shares, "10", 1, 1000, "How many containers may share a device."),
	TEXT("log-level", log_level, "info", "debug, info, warn or error."),
};

static const setting_table settings = {
	.program = "reeve-node",
	.usage = "[run|region] [options]",
	.about =
		"Governs the GPUs of this machine: finds them and watches their health, keeps each container to its share, and "
		"tells the cluster's agent. `reeve-node run` runs a command under limits and `reeve-node region` makes them; "
		"each has its own --help.",
	.rows = rows,
	.n = sizeof(rows) / sizeof(*rows),
};

/* The place of a word in a list that NULL ends, or -1. */
static int word_find(const char *const *words, const char *word)
{
	for (int i = 0; words[i]; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return -1;
}

static err settings_check(daemon_settings *o, fault *f)
{
	static const char *const levels[] = {"debug", "info", "warn", "error", NULL};
	static const char *const policies[] = {"report", "hold", "kill", NULL};
	static const char *const forms[] = {"replace", "preload", "none", NULL};
	int form = word_find(forms, o->shim);
	int level = word_find(levels, o->log_level), policy = word_find(policies, o->audit);

	if (level < 0)
		return fault_set(f, ERR_SETTING, "--log-level", "must be debug, info, warn or error");
	if (policy < 0)
		return fault_set(f, ERR_SETTING, "--audit", "must be report, hold or kill");
	if (form < 0)
		return fault_set(f, ERR_SETTING, "--shim", "must be replace, preload or none");
	if (o->agent && strncmp(o->agent, "https://", 8) != 0)
		return fault_set(f, ERR_SETTING, "--agent", "must be https://host:port");
	if (!o->node && gethostname(o->host, sizeof(o->host) - 1) != 0)
		return fault_set(f, ERR_SETTING, "--node", "is needed: the machine has no name");
	o->node = o->node ? o->node : o->host;
	o->policy = (audit_policy)policy;
	o->form = (giver_form)form;
	log_open("reeve-node", (log_level)level);
	return ERR_OK;
}

int daemon_settings_read(daemon_settings *ret, int argc, char **argv, bool *ret_is_done)
{
	fault f = {0};
	int operand;

	*ret_is_done = false;
	err e = setting_read(&settings, ret, NULL, argc, argv, &operand, ret_is_done, &f);
	if (!e && *ret_is_done)
		return 0;
	if (!e && operand < argc)
		e = fault_set(&f, ERR_SETTING, argv[operand], "is none of run and region");
	if (!e)
		e = settings_check(ret, &f);
	return e ? command_refuse("reeve-node", f.pointer, f.detail) : 0;
}
