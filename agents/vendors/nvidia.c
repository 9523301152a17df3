#include "agents/vendors/makers.h"

/* clang-format off */
static const vendor_cut products[] = {
	{{"A30", ""},           "nvidia-a30"},
	{{"A100", "40GB"},      "nvidia-a100-40g"},
	{{"A100", "80GB"},      "nvidia-a100-80g"},
	{{"GH200", ""},         "nvidia-h20-96g"},
	{{"H100", "80GB"},      "nvidia-h100-80g"},
	{{"H100", "94GB"},      "nvidia-h100-94g"},
	{{"H200", ""},          "nvidia-h200-141g"},
	{{"H20", ""},           "nvidia-h20-96g"},
	{{"B200", ""},          "nvidia-b200-180g"},
	{{"RTX PRO 6000", ""},  "nvidia-rtx-pro-6000"},
	{{NULL, NULL}, NULL},
};

VENDOR_ROWS(nvidia, {
	.word = "NVIDIA",
	.maker = "nvidia",
	.cuts = products,
	.resources = {
		.count = "nvidia.com/gpu",
		.memory = "nvidia.com/gpumem",
		.memory_percent = "nvidia.com/gpumem-percentage",
		.compute = "nvidia.com/gpucores",
		.priority = "nvidia.com/priority",
	},
	.memory_unit_mib = 1,
	.compute_whole = 100,
	.compute_unsaid = VENDOR_ABSENT,
	.may_lack_count = true,
	.pod = {"hami.io/vgpu-devices-to-allocate", "hami.io/vgpu-devices-allocated"},
	.node = {
		.told = TOLD_AS_LIST,
		.devices = "hami.io/node-nvidia-register",
		.handshake = "hami.io/node-handshake",
		.scores = "hami.io/node-nvidia-score",
	},
	.select = {"nvidia.com/use-gputype", "nvidia.com/nouse-gputype", "nvidia.com/use-gpuuuid", "nvidia.com/nouse-gpuuuid", .mode = "nvidia.com/vgpu-mode"},
	.admission = {
		.hidden_env = "NVIDIA_VISIBLE_DEVICES",
		.hidden_value = "none",
		.priority_env = "CUDA_TASK_PRIORITY",
		.control_env = "CUDA_DISABLE_CONTROL",
		.whole_is_exclusive = true,
		.percent_is_strict = true,
	},
});
