/* What HAMi's example manifests ask of each maker's devices, on a node as its plugin tells it. */
#include "conformance.h"

#define CAPACITY(resources)                                                                                            \
	"{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\"},\"status\":{\"capacity\":{" resources "}}}"
#define CHIP(chip, mib)   .nodes = NPU(chip, CARD_OF("x", chip, mib, "7", ",\\\"health\\\":true"))
#define NPU_OF(chip, mib) "\"huawei.com/" chip "\":\"1\",\"huawei.com/" chip "-memory\":\"" mib "\""
#define IX(chip)                                                                                                       \
	.nodes = "{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/node-" chip       \
		 "-register\":\"x,10,32768,100," chip ",0,true:y,10,32768,100," chip ",0,true:\"}}}"
#define DCU                                                                                                            \
	.nodes = NODE_OF("n", "hami.io/node-dcu-register",                                                             \
		CARD_OF("DCU-1", "DCU-K100_AI", "65536", "4", ",\\\"health\\\":true") "," CARD_OF(                     \
			"DCU-2", "DCU-Z100", "32768", "4", ",\\\"health\\\":true"))
#define DCU_ASK "\"hygon.com/dcunum\":\"1\",\"hygon.com/dcucores\":\"60\",\"hygon.com/dcumem\":\"2k\""
#define SGPU                                                                                                            \
	.nodes = NODE_OF("n", "metax-tech.com/node-gpu-devices",                                                        \
		"{\\\"uuid\\\":\\\"m\\\",\\\"model\\\":\\\"C500\\\",\\\"totalDevCount\\\":16,\\\"totalCompute\\\":100," \
		"\\\"totalVRam\\\":65536,\\\"healthy\\\":true}")
#define SGPU_ASK(mem)                                                                                                  \
	"\"metax-tech.com/sgpu\":\"1\",\"metax-tech.com/vcore\":\"60\",\"metax-tech.com/vmemory\":\"" mem "\""
#define TWO_T4                                                                                                         \
	.nodes = NVIDIA("n", CARD_OF("GPU-A", "NVIDIA-A100", "40960", "10", HEALTHY) "," CARD_OF(                      \
				     "GPU-B", "NVIDIA-A100", "40960", "10", HEALTHY))
#define BOTH_OR(a, b) .outcome = "n " a b ";|n " b a ";"
#define EITHER(rest)  .outcome = "n GPU-A" rest "|n GPU-B" rest
#define DRS                                                                                                                                \
	.nodes =                                                                                                                           \
		"{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\",\"annotations\":{\"enflame.com/gcu-drs-capacity\":\"{"            \
		"\\\"devices\\\":[{\\\"index\\\":\\\"0\\\",\\\"minor\\\":\\\"0\\\",\\\"capacity\\\":6}],\\\"profiles\\\":{\\\"1g.8gb\\\":" \
		"\\\"0\\\",\\\"3g.24gb\\\":\\\"1\\\",\\\"6g.48gb\\\":\\\"3\\\"}}\"}}}"

static const way examples[] = {
	{0, "nvidia: a part", TWO_T4, .pod = POD(NV("1", "3k", "30")), EITHER(",NVIDIA,3000,30:;")},
	{0, "nvidia: two cards", TWO_T4, .pod = POD(WHOLE("2")),
		BOTH_OR("GPU-A,NVIDIA,40960,100:", "GPU-B,NVIDIA,40960,100:")},
	{0, "nvidia: exclusive", TWO_T4, .pod = POD(PART("2", "100") ",\"nvidia.com/gpucores\":\"100\""),
		BOTH_OR("GPU-A,NVIDIA,40960,100:", "GPU-B,NVIDIA,40960,100:")},
	{0, "nvidia: a fraction of two", TWO_T4, .pod = POD(PART("2", "50") ",\"nvidia.com/gpucores\":\"30\""),
		BOTH_OR("GPU-A,NVIDIA,20480,30:", "GPU-B,NVIDIA,20480,30:")},
	{0, "nvidia: a fraction of one", TWO_T4, .pod = POD(PART("1", "40") ",\"nvidia.com/gpucores\":\"60\""),
		EITHER(",NVIDIA,16384,60:;")},
	{0, "nvidia: other types", TWO_T4, .pod = NOTED("\"nvidia.com/nouse-gputype\":\"1080,2080\"", WHOLE("2")),
		BOTH_OR("GPU-A,NVIDIA,40960,100:", "GPU-B,NVIDIA,40960,100:")},
	{0, "nvidia: types", TWO_T4, .pod = NOTED("\"nvidia.com/use-gputype\":\"A100,V100\"", WHOLE("2")),
		BOTH_OR("GPU-A,NVIDIA,40960,100:", "GPU-B,NVIDIA,40960,100:")},
	{0, "nvidia: a card by name", TWO_T4, .pod = NOTED("\"nvidia.com/use-gpuuuid\":\"GPU-B,GPU-C\"", WHOLE("1")),
		.outcome = "n GPU-B,NVIDIA,40960,100:;"},
	{0, "nvidia: another card", TWO_T4, .pod = NOTED("\"nvidia.com/nouse-gpuuuid\":\"GPU-B\"", WHOLE("1")),
		.outcome = "n GPU-A,NVIDIA,40960,100:;"},
	{0, "nvidia: with the default scheduler's name", TWO_T4,
		.pod = POD_OF("", "\"schedulerName\":\"default-scheduler\",", C("c", MEM("1", "3k"))),
		EITHER(",NVIDIA,3000,0:;")},
	{0, "nvidia: parts that their plugin cuts wait for a card in that mode", TWO_T4,
		.pod = NOTED("\"nvidia.com/vgpu-mode\":\"mig\",\"hami.io/gpu-scheduler-policy\":\"binpack\"",
			MEM("2", "8k")),
		NO_CARD},
	{0, "ascend 310P", CHIP("Ascend310P", "21527"), .pod = POD(NPU_OF("Ascend310P", "2k")),
		.outcome = "n x,Ascend310P,3072,12:;"},
	{0, "ascend 910A", CHIP("Ascend910A", "32768"), .pod = POD(NPU_OF("Ascend910A", "2k")),
		.outcome = "n x,Ascend910A,2184,6:;"},
	{0, "ascend 910B2", CHIP("Ascend910B2", "65536"), .pod = POD(NPU_OF("Ascend910B2", "2k")),
		.outcome = "n x,Ascend910B2,8192,12:;"},
	{0, "ascend 910B3", CHIP("Ascend910B3", "65536"), .pod = POD(NPU_OF("Ascend910B3", "2k")),
		.outcome = "n x,Ascend910B3,16384,25:;"},
	{0, "ascend 910B4", CHIP("Ascend910B4", "32768"), .pod = POD(NPU_OF("Ascend910B4", "2k")),
		.outcome = "n x,Ascend910B4,8192,25:;"},
	{0, "ascend 910C", .nodes = NPU("Ascend910C", DIE(0) "," DIE(1)), .pod = POD(NPU_OF("Ascend910C", "16384")),
		.outcome = "n 0,Ascend910C,16384,25:1,Ascend910C,16384,25:;"},
	{0, "neuron: a core", .nodes = CAPACITY("\"aws.amazon.com/neuron\":\"1\""),
		.pod = POD("\"aws.amazon.com/neuroncore\":\"1\""),
		.outcome = "n n-AWSNeuron-0,AWSNeuron,100,1:;|n n-AWSNeuron-0,AWSNeuron,50,1:;"},
	{0, "neuron: a device", .nodes = CAPACITY("\"aws.amazon.com/neuron\":\"1\""),
		.pod = POD("\"aws.amazon.com/neuron\":\"1\""), .outcome = "n n-AWSNeuron-0,AWSNeuron,100,3:;"},
	{0, "biren",
		.nodes = NODE_OF("n", "hami.io/node-biren-register",
			CARD_OF("x", "Biren", "32768", "1", ",\\\"health\\\":true")),
		.pod = POD("\"birentech.com/gpu\":\"1\""), .outcome = "n x,Biren,32768,100:;"},
	{0, "vastai",
		.nodes = NODE_OF(
			"n", "hami.io/node-va-register", CARD_OF("x", "Vastai", "32768", "1", ",\\\"health\\\":true")),
		.pod = POD("\"vastaitech.com/va\":\"1\""), .outcome = "n x,Vastai,32768,100:;"},
	{0, "enflame: two cards", .nodes = CAPACITY("\"enflame.com/gcu\":\"2\""),
		.pod = POD("\"enflame.com/gcu\":\"2\""), BOTH_OR("n-GCU-0,GCU,100,100:", "n-GCU-1,GCU,100,100:")},
	{0, "enflame: a slice", DRS, .pod = POD("\"enflame.com/drs-gcu\":\"1\""),
		.outcome = "n n-enflame-drs-0,Enflame,8192,16:;"},
	{0, "enflame: three slices", DRS, .pod = POD("\"enflame.com/drs-gcu\":\"3\""),
		.outcome = "n n-enflame-drs-0,Enflame,24576,50:;"},
	{0, "enflame: amounts", DRS, .pod = POD("\"enflame.com/gcu-memory\":\"20480\",\"enflame.com/gcu-core\":\"40\""),
		.outcome = "n n-enflame-drs-0,Enflame,24576,50:;|n n-enflame-drs-0,Enflame,20480,40:;"},
	{0, "hygon: a part", DCU, .pod = POD(DCU_ASK), .outcome = "n DCU-1,DCU,2000,60:;|n DCU-2,DCU,2000,60:;"},
	{0, "hygon: a type", DCU, .pod = NOTED("\"hygon.com/use-dcutype\":\"DCU-K100_AI\"", DCU_ASK),
		.outcome = "n DCU-1,DCU,2000,60:;"},
	{0, "hygon: not that type", DCU, .pod = NOTED("\"hygon.com/nouse-dcutype\":\"DCU-K100_AI\"", DCU_ASK),
		.outcome = "n DCU-2,DCU,2000,60:;"},
	{0, "hygon: a card by name", DCU, .pod = NOTED("\"hygon.com/use-gpuuuid\":\"DCU-2\"", DCU_ASK),
		.outcome = "n DCU-2,DCU,2000,60:;"},
	{0, "hygon: not that card", DCU, .pod = NOTED("\"hygon.com/nouse-gpuuuid\":\"DCU-2,DCU-3\"", DCU_ASK),
		.outcome = "n DCU-1,DCU,2000,60:;"},
	{0, "iluvatar: a part", IX("MR-V100"),
		.pod = POD(
			"\"iluvatar.ai/MR-V100-vgpu\":\"1\",\"iluvatar.ai/MR-V100.vCore\":\"50\",\"iluvatar.ai/MR-V100.vMem\":\"64\""),
		.outcome = "n x,MR-V100,16384,50:;|n y,MR-V100,16384,50:;"},
	{0, "iluvatar: two cards", IX("BI-V150"), .pod = POD("\"iluvatar.ai/BI-V150-vgpu\":\"2\""),
		BOTH_OR("x,BI-V150,32768,100:", "y,BI-V150,32768,100:")},
	{0, "kunlunxin: exclusive",
		.nodes = NODE_OF(
			"n", "hami.io/node-register-xpu", CARD_OF("x", "XPU", "98304", "4", ",\\\"health\\\":true")),
		.pod = POD("\"kunlunxin.com/vxpu\":\"1\""), .outcome = "n x,XPU,98304,100:;|n x,XPU,98304,0:;"},
	{0, "kunlunxin: a quarter",
		.nodes = NODE_OF(
			"n", "hami.io/node-register-xpu", CARD_OF("x", "XPU", "98304", "4", ",\\\"health\\\":true")),
		.pod = POD("\"kunlunxin.com/vxpu\":\"1\",\"kunlunxin.com/vxpu-memory\":\"24576\""),
		.outcome = "n x,XPU,24576,25:;"},
	{0, "metax: a card", .nodes = CAPACITY("\"metax-tech.com/gpu\":\"1\""),
		.pod = POD("\"metax-tech.com/gpu\":\"1\""), .outcome = "n n-metax-0,Metax-GPU,65536,100:;"},
	{0, "metax: an exclusive card", SGPU, .pod = POD("\"metax-tech.com/sgpu\":\"1\""),
		.outcome = "n m,Metax-SGPU,65536,100:;"},
	{0, "metax: a part", SGPU, .pod = POD(SGPU_ASK("4")), .outcome = "n m,Metax-SGPU,4096,60:;"},
	{0, "metax: in MiB", SGPU, .pod = POD(SGPU_ASK("2Gi")), .outcome = "n m,Metax-SGPU,2048,60:;"},
	{0, "metax: offline", SGPU, .pod = NOTED("\"metax-tech.com/sgpu-app-class\":\"offline\"", SGPU_ASK("4")),
		.outcome = "n m,Metax-SGPU,4096,60:;"},
	{0, "metax: two containers", SGPU,
		.pod = POD_OF("", "",
			C("a", SGPU_ASK("4")) "," C("b",
				"\"metax-tech.com/sgpu\":\"1\",\"metax-tech.com/vcore\":\"30\",\"metax-tech.com/vmemory\":\"8\"")),
		.outcome = "n m,Metax-SGPU,4096,60:;m,Metax-SGPU,8192,30:;"},
	{0, "cambricon: a card",
		.nodes = CAPACITY("\"cambricon.com/mlu.smlu.vcore\":\"100\",\"cambricon.com/mlu.smlu.vmemory\":\"96\""),
		.pod = POD("\"cambricon.com/vmlu\":\"1\""), .outcome = "n n-cambricon-mlu-0,MLU,24576,100:;"},
	{0, "cambricon: names of old are warned of",
		.nodes = CAPACITY("\"cambricon.com/mlu.smlu.vcore\":\"100\",\"cambricon.com/mlu.smlu.vmemory\":\"96\""),
		.pod = POD("\"cambricon.com/vmlu\":\"1\",\"cambricon.com/mlu370.smlu.vmemory\":\"20\""),
		.outcome = "n n-cambricon-mlu-0,MLU,24576,100:;"},
	{0, "moore threads: a part",
		.nodes = CAPACITY("\"mthreads.com/sgpu-core\":\"32\",\"mthreads.com/sgpu-memory\":\"192\""),
		.pod = POD(
			"\"mthreads.com/vgpu\":\"1\",\"mthreads.com/sgpu-memory\":\"32\",\"mthreads.com/sgpu-core\":\"8\""),
		.outcome = "n n-mthreads-0,Mthreads,16384,8:;|n n-mthreads-1,Mthreads,16384,8:;"},
	{0, "moore threads: two cards",
		.nodes = CAPACITY("\"mthreads.com/sgpu-core\":\"32\",\"mthreads.com/sgpu-memory\":\"192\""),
		.pod = POD("\"mthreads.com/vgpu\":\"2\""),
		BOTH_OR("n-mthreads-0,Mthreads,49152,16:", "n-mthreads-1,Mthreads,49152,16:")},
	{0, "moore threads: exclusive",
		.nodes = CAPACITY("\"mthreads.com/sgpu-core\":\"32\",\"mthreads.com/sgpu-memory\":\"192\""),
		.pod = POD("\"mthreads.com/vgpu\":\"1\""),
		.outcome = "n n-mthreads-0,Mthreads,49152,16:;|n n-mthreads-1,Mthreads,49152,16:;"},
};

Test(examples, all_makers_are_admitted_and_placed)
{
	WAYS(examples);
}
