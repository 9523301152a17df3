/* The 36 cases by which a scheduler for HAMi's pods is told from another one (reference/hami.md 10.3), by their
 * numbers: pods in as people write them, and what becomes of them out. What is a formula is asked of the formula.
 *
 * Where we differ on purpose the rule says "ours:". 19: `16Gi` is refused. 21: a foreign scheduler is kept, and all
 * else holds. 31: HAMi's lock is read and taken over, none is made. 32: nodes that are known count with what is on
 * them. 33: CUDA_DISABLE_CONTROL is refused.
 */
#include "conformance.h"
#include "agents/scheduling/pod_wants.h"
#include "engine/score_hami.h"

#define F2X2                                                                                                           \
	.nodes = NVIDIA("node1", GPU("device1", "8000") "," GPU("device2", "8000")) "," NVIDIA(                        \
		"node2", GPU("device3", "8000") "," GPU("device4", "8000")),                                           \
	.running = RUNS("p1", "node1", "device1,NVIDIA,2000,25:;", NV("1", "2000", "25")) "," RUNS(                    \
		"p2", "node2", "device4,NVIDIA,6000,75:;", NV("1", "6000", "75"))
#define Q4  .nodes = NVIDIA("n", GPU("a", "2000") "," GPU("b", "8000") "," GPU("c", "4000") "," GPU("d", "6000"))
#define ONE .nodes = NVIDIA("n", GPU("a", "8000"))
#define USED                                                                                                           \
	ONE, .running = RUNS("p", "n", "a,NVIDIA,1000,0:;", MEM("1", "1000")), .quotas = QUOTA(LIMIT("gpumem", "2000"))
#define BIG .nodes = NVIDIA("n", GPU("a", "80000"))
#define PEAK(status)                                                                                                   \
	.running = ON("p", "n", "hami.io/vgpu-devices-allocated", "a,NVIDIA,20000,0:;a,NVIDIA,10000,0:;", status,      \
		INIT(C("i", MEM("1", "20000"))) "\"containers\":[" C("c", MEM("1", "10000")) "]"),                     \
	.quotas = QUOTA(LIMIT("gpumem", "30000")), BIG
#define TWO_PEAKS POD_OF("", INIT(C("i", MEM("1", "20000"))), C("c", MEM("1", "10000")))

/* A: one of ten places, 90 % and 10 MiB of 100; B: seven, 10 % and 20 MiB. */
#define B_RUNS(uid, mib, cores) "," RUNS(uid, "n", "B,NVIDIA," mib "," cores ":;", NV("1", mib, cores))
#define AB                                                                                                             \
	.nodes = NVIDIA("n", CARD_OF("A", "NVIDIA", "100", "10", ",\\\"numa\\\":1" HEALTHY) "," GPU("B", "100")),      \
	.running = RUNS("a", "n", "A,NVIDIA,10,90:;", NV("1", "10", "90")) B_RUNS("b1", "2", "1")                      \
		B_RUNS("b2", "3", "1") B_RUNS("b3", "3", "1") B_RUNS("b4", "3", "1") B_RUNS("b5", "3", "2")            \
			B_RUNS("b6", "3", "2") B_RUNS("b7", "3", "2")
#define WEIGHED(device, weights)                                                                                       \
	NOTED(POLICIES("binpack", device) ",\"hami.io/device-scoring-weights\":\"" weights "\"", PART("1", "40"))

static const way scheduling[] = {
	{1, "node binpack, card binpack", F2X2, .pod = NOTED(POLICIES("binpack", "binpack"), NV("1", "1000", "20")),
		.outcome = "node2 device4,NVIDIA,1000,20:;"},
	{2, "node binpack, card spread", F2X2, .pod = NOTED(POLICIES("binpack", "spread"), NV("1", "1000", "20")),
		.outcome = "node2 device3,NVIDIA,1000,20:;"},
	{3, "node spread, card binpack", F2X2, .pod = NOTED(POLICIES("spread", "binpack"), NV("1", "1000", "20")),
		.outcome = "node1 device1,NVIDIA,1000,20:;"},
	{4, "node spread, card spread", F2X2, .pod = NOTED(POLICIES("spread", "spread"), NV("1", "1000", "20")),
		.outcome = "node1 device2,NVIDIA,1000,20:;"},
	{5, "the peak of init and app", F2X2,
		.pod = POD_OF(POLICIES("binpack", "binpack"), INIT(C("i", NV("1", "5000", "20"))),
			C("c", NV("1", "4000", "20"))),
		.outcome = "node2 device3,NVIDIA,5000,20:;device3,NVIDIA,4000,20:;"},
	{9, "the fuller by all three", AB, .pod = NOTED(POLICIES("binpack", "binpack"), PART("1", "40")),
		.outcome = "n A,NVIDIA,40,0:;"},
	{9, "memory counts three times, binpack", AB, .pod = WEIGHED("binpack", "slot=1,core=1,memory=3"),
		.outcome = "n B,NVIDIA,40,0:;"},
	{9, "memory counts three times, spread", AB, .pod = WEIGHED("spread", "slot=1,core=1,memory=3"),
		.outcome = "n A,NVIDIA,40,0:;"},
	{9, "compute counts three times", AB, .pod = WEIGHED("binpack", "slot=1,core=3,memory=1"),
		.outcome = "n A,NVIDIA,40,0:;"},
	{10, "weights with blanks", AB, .pod = WEIGHED("binpack", " memory = 3, slot = 1, core = 0 "),
		.outcome = "n B,NVIDIA,40,0:;"},
	{10, "no weights at all", AB, .pod = WEIGHED("binpack", ""),
		.outcome = "?is not of the form slot=1,core=1,memory=1"},
	{10, "one is missing", AB, .pod = WEIGHED("binpack", "slot=1,core=1"), .outcome = "?is not of the form"},
	{10, "malformed", AB, .pod = WEIGHED("binpack", "slot=1,core=1,memory"), .outcome = "?is not of the form"},
	{10, "no integer", AB, .pod = WEIGHED("binpack", "slot=1,core=1,memory=1.5"), .outcome = "?is not of the form"},
	{10, "negative", AB, .pod = WEIGHED("binpack", "slot=1,core=-1,memory=1"), .outcome = "?is not of the form"},
	{10, "unknown", AB, .pod = WEIGHED("binpack", "slot=1,core=1,disk=1"), .outcome = "?is not of the form"},
	{10, "twice", AB, .pod = WEIGHED("binpack", "slot=1,slot=1,core=1,memory=1"), .outcome = "?is not of the form"},
	{10, "all zero", AB, .pod = WEIGHED("binpack", "slot=0,core=0,memory=0"), .outcome = "?is not of the form"},
	{11, "bound to a NUMA node, whatever the weights", AB,
		.pod = NOTED("\"nvidia.com/numa-bind\":\"true\"," POLICIES("binpack",
				     "binpack") ",\"hami.io/device-scoring-weights\":\"slot=1,core=1,memory=3\"",
			PART("1", "40")),
		.outcome = "n A,NVIDIA,40,0:;"},
	{31, "no lock is made: two pods of one node are bound one after another", F2X2,
		.pod = NOTED("", NV("1", "1000", "20")), .outcome = "node2 device3,NVIDIA,1000,20:;"},
};

static const way quotas_of_namespaces[] = {
	{12, "two cards within", Q4, .quotas = QUOTA(LIMIT("gpucores", "200") "," LIMIT("gpumem", "4000")),
		.pod = POD(NV("2", "2000", "100")),
		.outcome = "n b,NVIDIA,2000,100:d,NVIDIA,2000,100:;|n d,NVIDIA,2000,100:b,NVIDIA,2000,100:;"},
	{13, "two cards beyond, when it is made", Q4,
		.quotas = QUOTA(LIMIT("gpucores", "200") "," LIMIT("gpumem", "4000")),
		.pod = POD(NV("2", "3000", "60")), .outcome = "!over_quota exceeding resource quota"},
	{13, "two cards beyond, when it is placed", Q4,
		.quotas = QUOTA(LIMIT("gpucores", "200") "," LIMIT("gpumem", "4000")),
		.pod = POD(NV("2", "3000", "60")), .skips_admission = true, .outcome = "-over the namespace's quota"},
	{14, "a whole card that is covered", Q4, .quotas = QUOTA(LIMIT("gpumem", "2000")), .pod = POD(WHOLE("1")),
		.outcome = "n a,NVIDIA,2000,100:;"},
	{14, "no whole card is covered", Q4, .quotas = QUOTA(LIMIT("gpumem", "1500")), .pod = POD(WHOLE("1")),
		.outcome = "-over the namespace's quota"},
	{15, "100 of the 1,000 left", USED, .pod = POD(MEM("1", "100")), .outcome = "n a,NVIDIA,100,0:;"},
	{15, "1,024 of them", USED, .pod = POD(MEM("1", "1024")), .outcome = "!over_quota of which 1000 are used"},
	{15, "2 x 1,024", USED, .pod = POD(MEM("2", "1024")), .outcome = "!over_quota the pod asks for 2048"},
	{15, "2 x 400: within, and there is one card", USED, .pod = POD(MEM("2", "400")),
		.outcome = "-devices too few"},
	{16, "init containers one after another", USED,
		.pod = POD_OF("", INIT(C("i", MEM("1", "800")) "," C("j", MEM("1", "800"))), C("c", MEM("1", "500"))),
		.outcome = "n a,NVIDIA,800,0:;a,NVIDIA,800,0:;a,NVIDIA,500,0:;"},
	{16, "one of 1,500", USED, .pod = POD_OF("", INIT(C("i", MEM("1", "1500"))), C("c", MEM("1", "500"))),
		.outcome = "!over_quota the pod asks for 1500"},
	{17, "the first of two", BIG, .quotas = QUOTA(LIMIT("gpumem", "30000")), .pod = TWO_PEAKS,
		.outcome = "n a,NVIDIA,20000,0:;a,NVIDIA,10000,0:;"},
	{17, "the second, while the first begins", PEAK(""), .pod = TWO_PEAKS,
		.outcome = "!over_quota of which 20000 are used"},
	{17, "the second, when its init containers are done",
		PEAK(",\"conditions\":[{\"type\":\"Ready\",\"status\":\"False\"},{\"type\":\"Initialized\",\"status\":\"True\"}]"),
		.pod = TWO_PEAKS, .outcome = "n a,NVIDIA,20000,0:;a,NVIDIA,10000,0:;"},
	{18, "none at all", ONE, .quotas = QUOTA(LIMIT("gpumem", "0")), .pod = POD(MEM("1", "1")),
		.outcome = "!over_quota limits.nvidia.com/gpumem 0"},
	{36, "two parts of one card", .nodes = NVIDIA("n", GPU("a", "40000")),
		.quotas = QUOTA(LIMIT("gpumem", "24000")),
		.pod = POD_OF("", "", C("c", PART("1", "40")) "," C("d", PART("1", "40"))),
		.outcome = "-over the namespace's quota"},
	{36, "the same behind a plain init container", .nodes = NVIDIA("n", GPU("a", "40000")),
		.quotas = QUOTA(LIMIT("gpumem", "24000")),
		.pod = POD_OF("", INIT("{\"name\":\"i\"}"), C("c", PART("1", "40")) "," C("d", PART("1", "40"))),
		.outcome = "-over the namespace's quota"},
	{36, "one part fits", .nodes = NVIDIA("n", GPU("a", "40000")), .quotas = QUOTA(LIMIT("gpumem", "24000")),
		.pod = POD(PART("1", "40")), .outcome = "n a,NVIDIA,16000,0:;"},
};

static const way admitting[] = {
	{19, "a number alone: whole cards", ONE, .pod = POD(WHOLE("1")), .outcome = "n a,NVIDIA,8000,100:;"},
	{19, "2 x 4,096", .nodes = NVIDIA("n", GPU("a", "8000") "," GPU("b", "8000")), .pod = POD(MEM("2", "4096")),
		.outcome = "n a,NVIDIA,4096,0:b,NVIDIA,4096,0:;|n b,NVIDIA,4096,0:a,NVIDIA,4096,0:;"},
	{19, "50 %", ONE, .pod = POD(PART("1", "50")), .outcome = "n a,NVIDIA,4000,0:;"},
	{19, "150 % is read as all", ONE, .pod = POD(PART("1", "150")), .skips_admission = true,
		.outcome = "n a,NVIDIA,8000,100:;"},
	{19, "150 % is not admitted", ONE, .pod = POD(PART("1", "150")),
		.outcome = "!bad_amount must be an integer between 0 and 100"},
	{19, "101 % is read as all", ONE, .pod = POD(PART("1", "101")), .skips_admission = true,
		.outcome = "n a,NVIDIA,8000,100:;"},
	{19, "0 % is no word of it", ONE, .pod = POD(PART("1", "0")), .skips_admission = true,
		.outcome = "n a,NVIDIA,8000,100:;"},
	{19, "-1 % is no word of it", ONE, .pod = POD(PART("1", "-1")), .skips_admission = true,
		.outcome = "n a,NVIDIA,8000,100:;"},
	{19, "0 % and 2,000", ONE, .pod = POD(MEM("1", "2000") ",\"nvidia.com/gpumem-percentage\":\"0\""),
		.outcome = "n a,NVIDIA,2000,0:;"},
	{19, "ours: 16Gi is refused", ONE, .pod = POD(MEM("1", "16Gi")),
		.outcome = "!bad_amount if bytes were meant, write 16384"},
	{20, "a number alone is exclusive", ONE, .pod = POD(WHOLE("1")), .outcome = "n a,NVIDIA,8000,100:;"},
	{20, "with an amount it is not", ONE, .pod = POD(MEM("1", "3000")), .outcome = "n a,NVIDIA,3000,0:;"},
	{20, "all of the memory is exclusive", ONE, .pod = POD(PART("1", "100")), .outcome = "n a,NVIDIA,8000,100:;"},
	{20, "what is said of compute stays", ONE, .pod = POD(WHOLE("1") ",\"nvidia.com/gpucores\":\"30\""),
		.outcome = "n a,NVIDIA,8000,30:;"},
	{21, "privileged", ONE,
		.pod = POD_OF("", "",
			"{\"name\":\"c\",\"securityContext\":{\"privileged\":true},\"resources\":{\"limits\":{" WHOLE(
				"1") "}}}"),
		.outcome = "!privileged container c is privileged"},
	{21, "a node is named", ONE, .pod = POD_OF("", "\"nodeName\":\"n\",", C("c", WHOLE("1"))),
		.outcome = "!node_assigned pod has node assigned"},
	{21, "ours: another scheduler, and all else holds", ONE,
		.pod = POD_OF("", "\"schedulerName\":\"volcano\",", C("c", WHOLE("1"))),
		.outcome = "n a,NVIDIA,8000,100:;"},
	{21, "ours: another scheduler, and it is over its quota", ONE, .quotas = QUOTA(LIMIT("gpumem", "10")),
		.pod = POD_OF("", "\"schedulerName\":\"volcano\",", C("c", MEM("1", "11"))),
		.outcome = "!over_quota exceeding resource quota"},
	{21, "no containers", ONE, .pod = POD_OF("", "", ""), .outcome = "!no_containers pod has no containers"},
	{22, "an amount without a number", ONE, .pod = POD("\"nvidia.com/gpumem\":\"3000\""),
		.outcome = "n a,NVIDIA,3000,0:;"},
	{33, "three containers, the middle one has a GPU", ONE,
		.pod = POD_OF("", "", "{\"name\":\"a\"}," C("b", MEM("1", "1000")) ",{\"name\":\"c\"}"),
		.outcome = "n ;a,NVIDIA,1000,0:;;"},
	{33, "ours: the control of a share is not left", ONE,
		.pod = POD_OF("", "",
			C("a", "") ",{\"name\":\"b\",\"env\":[{\"name\":\"CUDA_DISABLE_CONTROL\",\"value\":\"true\"}],\"resources\":{\"limits\":{" MEM(
				"1", "1000") "}}}"),
		.outcome = "!control_off CUDA_DISABLE_CONTROL"},
	{35, "empty places are kept, and cards are called by their maker",
		.nodes = NVIDIA("n", CARD_OF("GPU-A", "NVIDIA-Tesla T4", "15000", "10", HEALTHY) "," CARD_OF(
					     "GPU-B", "NVIDIA-Tesla T4", "15000", "10", HEALTHY)),
		.pod = POD_OF(POLICIES("binpack", "spread"), INIT("{\"name\":\"i\"}"),
			C("c", NV("1", "2500", "25")) "," C("d", NV("1", "2500", "25"))),
		.outcome =
			"n ;GPU-A,NVIDIA,2500,25:;GPU-B,NVIDIA,2500,25:;|n ;GPU-B,NVIDIA,2500,25:;GPU-A,NVIDIA,2500,25:;"},
};

#define WITH_UUID(use, no)                                                                                             \
	NOTED("\"nvidia.com/use-gpuuuid\":\"" use "\",\"nvidia.com/nouse-gpuuuid\":\"" no "\"", MEM("1", "1"))
#define WITH_TYPE(use, no)                                                                                             \
	NOTED("\"nvidia.com/use-gputype\":\"" use "\",\"nvidia.com/nouse-gputype\":\"" no "\"", MEM("1", "1"))
#define A100                .nodes = NVIDIA("n", CARD_OF("abc", "NVIDIA-A100", "8000", "2", HEALTHY))
#define SERVED              .outcome = "n abc,NVIDIA,1,0:;"
#define LITTLE              .outcome = "-too little free on its devices"
#define BUSY(given, limits) A100, .running = RUNS("p", "n", given, limits)

static const way choosing[] = {
	{26, "one of the names", A100, .pod = WITH_UUID("abc,123", ""), SERVED},
	{26, "none of the names", A100, .pod = WITH_UUID("1abc,123", ""), NO_CARD},
	{26, "a part is no name", A100, .pod = WITH_UUID("ab", ""), NO_CARD},
	{26, "denied", A100, .pod = WITH_UUID("", "abc,123"), NO_CARD},
	{26, "another is denied", A100, .pod = WITH_UUID("", "1abc,123"), SERVED},
	{26, "named and denied", A100, .pod = WITH_UUID("abc", "abc"), NO_CARD},
	{26, "named, another denied", A100, .pod = WITH_UUID("abc", "456"), SERVED},
	{26, "blanks", A100, .pod = WITH_UUID(" abc , 123 ", ""), SERVED},
	{26, "blanks alone", A100, .pod = WITH_UUID("   ", ""), SERVED},
	{26, "a part of the model", A100, .pod = WITH_TYPE("A100", ""), SERVED},
	{26, "without case", A100, .pod = WITH_TYPE("a100", ""), SERVED},
	{26, "one of several", A100, .pod = WITH_TYPE("H100, A100", ""), SERVED},
	{26, "another model", A100, .pod = WITH_TYPE("H100", ""), NO_CARD},
	{26, "a denied model", A100, .pod = WITH_TYPE("", "A100"), NO_CARD},
	{26, "a denied maker", A100, .pod = WITH_TYPE("A100", "nvidia"), NO_CARD},
	{26, "another is denied", A100, .pod = WITH_TYPE("A100", "H100"), SERVED},
	{27, "another kind", A100, .pod = POD("\"hygon.com/dcunum\":\"1\""), NO_CARD},
	{27, "no place left", A100,
		.running = RUNS("p", "n", "abc,NVIDIA,1,0:;", MEM("1", "1")) "," RUNS(
			"q", "n", "abc,NVIDIA,1,0:;", MEM("1", "1")),
		.pod = POD(MEM("1", "1")), LITTLE},
	{27, "more than all of the compute is all of it", A100, .pod = POD(NV("1", "1", "150")),
		.outcome = "n abc,NVIDIA,1,100:;"},
	{27, "too little memory", BUSY("abc,NVIDIA,6000,0:;", MEM("1", "6000")), .pod = POD(MEM("1", "2001")), LITTLE},
	{27, "too little compute", BUSY("abc,NVIDIA,1,60:;", NV("1", "1", "60")), .pod = POD(NV("1", "1", "41")),
		LITTLE},
	{27, "exclusive beside another", BUSY("abc,NVIDIA,1,0:;", MEM("1", "1")), .pod = POD(NV("1", "1", "100")),
		LITTLE},
	{27, "a full card, and nothing asked of compute", BUSY("abc,NVIDIA,1,100:;", NV("1", "1", "100")),
		.pod = POD(MEM("1", "1")), LITTLE},
	{27, "instances where cards are shared", A100, .pod = NOTED("\"nvidia.com/vgpu-mode\":\"mig\"", MEM("1", "1")),
		NO_CARD},
	{27, "idle cards alone", BUSY("abc,NVIDIA,1,0:;", MEM("1", "1")),
		.pod = NOTED("\"hami.io/gpu-scheduler-policy\":\"mutex\"", MEM("1", "1")), LITTLE},
	{27, "cards of two NUMA nodes",
		.nodes = NVIDIA(
			"n", GPU("a", "8000") "," CARD_OF("b", "NVIDIA", "8000", "2", ",\\\"numa\\\":1" HEALTHY)),
		.pod = NOTED("\"nvidia.com/numa-bind\":\"true\"", MEM("2", "1")), .outcome = "-NUMA"},
	{27, "closed by its keeper",
		.nodes =
			"{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/device-cordon\":\"abc\","
			"\"hami.io/node-nvidia-register\":\"[" CARD_OF("abc", "NVIDIA", "8000", "2", HEALTHY) "]\"}}}",
		.pod = POD(MEM("1", "1")), .outcome = "-node or devices closed"},
	{27, "not healthy", .nodes = NVIDIA("n", CARD_OF("abc", "NVIDIA", "8000", "2", "")), .pod = POD(MEM("1", "1")),
		.outcome = "-node or devices closed"},
};

#define IS_910B3 .nodes = NPU("Ascend910B3", CARD_OF("x", "Ascend910B3", "65536", "10", ",\\\"health\\\":true"))

static const way makers[] = {
	{34, "one die is raised to its module", .nodes = NPU("Ascend910C", DIE(0) "," DIE(1)), .pod = POD(DIES("1")),
		.outcome = "n 0,Ascend910C,65536,100:1,Ascend910C,65536,100:;"},
	{34, "three are refused", .nodes = NPU("Ascend910C", DIE(0) "," DIE(1)), .pod = POD(DIES("3")),
		.outcome = "!bad_amount Ascend910C device request must be 1 or 2*n, got 3"},
	{34, "four of 0, 1, 2, 4 and 6", .nodes = NPU("Ascend910C", DIE(0) "," DIE(1) "," DIE(2) "," DIE(4) "," DIE(6)),
		.pod = POD(DIES("4")), .outcome = "-\"n\":"},
	{34, "two of 0 and 2", .nodes = NPU("Ascend910C", DIE(0) "," DIE(2)), .pod = POD(DIES("2")),
		.outcome = "-\"n\":"},
	{34, "two of 0 and 1", .nodes = NPU("Ascend910C", DIE(0) "," DIE(1)), .pod = POD(DIES("2")),
		.outcome = "n 0,Ascend910C,65536,100:1,Ascend910C,65536,100:;"},
	{34, "5,000 MiB are the next template", IS_910B3,
		.pod = POD("\"huawei.com/Ascend910B3\":\"1\",\"huawei.com/Ascend910B3-memory\":\"5000\""),
		.outcome = "n x,Ascend910B3,16384,25:;"},
	{34, "no parts of several", IS_910B3,
		.pod = POD("\"huawei.com/Ascend910B3\":\"2\",\"huawei.com/Ascend910B3-memory\":\"5000\""),
		.outcome = "!bad_amount vNPU not supported for multiple devices"},
	{0, "Metax: 4 are 4 GiB",
		.nodes = NODE_OF("n", "metax-tech.com/node-gpu-devices",
			"{\\\"uuid\\\":\\\"m\\\",\\\"model\\\":\\\"C500\\\",\\\"totalDevCount\\\":16,"
			"\\\"totalCompute\\\":100,\\\"totalVRam\\\":65536,\\\"healthy\\\":true}"),
		.pod = POD(
			"\"metax-tech.com/sgpu\":\"1\",\"metax-tech.com/vmemory\":\"4\",\"metax-tech.com/vcore\":\"10\""),
		.outcome = "n m,Metax-SGPU,4096,10:;"},
	{0, "Hygon: nothing said of compute takes all",
		.nodes = NODE_OF(
			"n", "hami.io/node-dcu-register", CARD_OF("h", "DCU", "8000", "4", ",\\\"health\\\":true")),
		.pod = POD("\"hygon.com/dcunum\":\"1\",\"hygon.com/dcumem\":\"1000\""),
		.outcome = "n h,DCU,1000,100:;"},
	{0, "AMD: one of a hundred",
		.nodes = NODE_OF(
			"n", "hami.io/node-amd-register", CARD_OF("m", "MI300X", "8000", "4", ",\\\"health\\\":true")),
		.pod = POD("\"amd.com/gpu\":\"1\",\"amd.com/gpumem\":\"1000\",\"amd.com/gpucores\":\"1\""),
		.outcome = "n m,MI300X,1000,1:;"},
};

Test(conformance, pods_come_where_hami_brings_them)
{
	WAYS(scheduling);
}

Test(conformance, quotas_of_namespaces_hold)
{
	WAYS(quotas_of_namespaces);
}

Test(conformance, pods_are_admitted_or_told_why_not)
{
	WAYS(admitting);
}

Test(conformance, cards_are_chosen_or_told_why_not)
{
	WAYS(choosing);
}

Test(conformance, what_makers_add_holds)
{
	WAYS(makers);
}

/* 6 to 9: slots, compute, memory; used counts the request. */
Test(conformance, scores_are_its_scores)
{
	static const struct {
		int nr;
		int64_t used[3], total[3];
		uint16_t weights[3];
		float want;
	} v[] = {
		{6, {2, 1, 2048}, {10, 4, 8192}, {0}, 7.0F},
		{7, {3, 2, 3072}, {10, 4, 8192}, {0}, 11.75F},
		{8, {1, 2, 5000}, {10, 10, 10000}, {0}, 8.0F},
		{9, {2, 90, 50}, {10, 100, 100}, {0}, 16.0F},
		{9, {8, 10, 60}, {10, 100, 100}, {0}, 15.0F},
		{9, {2, 90, 50}, {10, 100, 100}, {1, 1, 3}, 26.0F},
		{9, {8, 10, 60}, {10, 100, 100}, {1, 1, 3}, 27.0F},
		{9, {2, 90, 50}, {10, 100, 100}, {1, 3, 1}, 34.0F},
		{9, {8, 10, 60}, {10, 100, 100}, {1, 3, 1}, 17.0F},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		hami_load l;
		memcpy(l.used, v[i].used, sizeof(l.used));
		memcpy(l.total, v[i].total, sizeof(l.total));
		float got = hami_score(&l, v[i].weights);
		cr_expect(got > v[i].want - 1e-4F && got < v[i].want + 1e-4F, "case %d: %f", v[i].nr, (double)got);
	}
}

/* 23, 35: texts there and back, and the three ways to write them. */
Test(conformance, what_pods_were_given_is_read_in_every_form)
{
	static const char *const same[] = {
		"a,NVIDIA,3000,30:;", ";x,NVIDIA,1000,0:;;", "a,NVIDIA,8000,0:b,NVIDIA,8000,0:;", ";;"};
	static const char *const forms[] = {"A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;",
		";A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;", ",,0,0:;A,NVIDIA,2500,25:;B,NVIDIA,2500,25:;"};
	static const assigned_asker askers[] = {{true, 0}, {false, 1}, {false, 1}};
	AUTO_ARENA a = arena_new(0);
	assigned all, dealt;
	fault f = {0};

	for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
		cr_assert_eq(assigned_read(str_from(same[i]), a, &all, &f), ERR_OK);
		cr_expect(str_eq(assigned_print(&all, a), str_from(same[i])), "%s", same[i]);
	}
	cr_assert_eq(assigned_read(S("a,NVIDIA,3000:;"), a, &all, &f), ERR_BAD_FIELD);
	cr_expect_str_eq(f.detail, "pod annotation format error, missing fields, do not use nodeName in task spec");
	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		cr_assert_eq(assigned_read(str_from(forms[i]), a, &all, &f), ERR_OK);
		cr_assert_eq(assigned_settle(&all, askers, 3, a, &dealt, &f), ERR_OK, "%s", f.detail);
		cr_expect(str_eq(assigned_print(&dealt, a), str_from(forms[1])), "%s", forms[i]);
	}
	/* 33: another number than was asked for. */
	cr_assert_eq(assigned_read(S("A,NVIDIA,1,1:B,NVIDIA,1,1:;"), a, &all, &f), ERR_OK);
	cr_expect_eq(assigned_settle(&all, &askers[1], 1, a, &dealt, &f), ERR_CONFLICT);
}

static str told(void *arg, const char *key)
{
	const char *const *pair = arg;

	return strcmp(key, pair[0]) == 0 ? str_from(pair[1]) : STR_NONE;
}

static bool nothing(void *arg, const char *resource, quantity *ret)
{
	(void)arg;
	(void)resource;
	(void)ret;
	return false;
}

/* 24: the list of today, the texts of old, and what is left out. */
Test(conformance, what_nodes_register_is_read_in_every_form)
{
	static const char *const v[] = {
		"[{\"id\":\"G\",\"count\":10,\"devmem\":32768,\"devcore\":100,\"type\":\"NVIDIA-V100\",\"health\":true}]",
		"G,10,32768,100,NVIDIA-V100,0,true:",
		"G,10,32768,100,NVIDIA-V100,0,true,0,hami-core:",
	};
	AUTO_ARENA a = arena_new(0);
	inventory all;
	fault f = {0};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		const char *pair[] = {"hami.io/node-nvidia-register", v[i]};
		inventory_node n = {S("n"), pair, told, nothing};
		cr_assert_eq(inventory_read(vendor_at(0), &n, a, &all, &f), ERR_OK, "%s", f.detail);
		cr_assert_eq(all.n, 1);
		const inventory_device *d = &all.v[0];
		cr_expect(str_eq(d->uuid, S("G")) && str_eq(d->product, S("NVIDIA-V100")) && d->slots == 10, "row %zu",
			i);
		cr_expect(d->memory_mib == 32768 && d->compute == 100 && d->index == 0 && d->numa == 0 && d->is_healthy,
			"row %zu", i);
	}
	const char *pair[] = {"hami.io/node-nvidia-register",
		"[{\"id\":\"G\",\"count\":7,\"devmem\":40960,\"devcore\":100,\"type\":"
		"\"NVIDIA-A100\",\"mode\":\"mig\",\"migProfiles\":[{\"name\":\"1g.5gb\",\"memoryMB\":4864,\"core\":14,\"sliceCount\":1,"
		"\"placements\":[{\"start\":0,\"size\":1},{\"start\":6,\"size\":1}]}]}]"};
	inventory_node n = {S("n"), pair, told, nothing};
	cr_assert_eq(inventory_read(vendor_at(0), &n, a, &all, &f), ERR_OK, "%s", f.detail);
	cr_expect(!all.v[0].is_healthy, "what is left out is false");
	cr_assert_eq(all.v[0].n_profiles, 1);
	cr_expect(all.v[0].profiles[0].memory_mib == 4864 && all.v[0].profiles[0].n_places == 2);
}

/* 25, of a clock at 2026-08-21 10:00:00. */
Test(conformance, a_node_lives_by_its_handshake)
{
	static const struct {
		const char *value;
		bool has_allocatable, is_alive;
	} v[] = {
		{"Requesting_2026-08-21 09:59:30", false, true},
		{"Requesting", false, true},
		{"Requesting_soon", false, true},
		{"Requesting_2026-08-21 09:58:00", false, false},
		{"Requesting_2026-08-21 09:58:00", true, true},
		{"Reported_2026.08.21 10:00:00", false, true},
	};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		cr_expect_eq(
			inventory_handshake(str_from(v[i].value), v[i].has_allocatable, (int64_t)1787306400 * 1000000)
				.is_alive,
			v[i].is_alive, "%s", v[i].value);
}

#define HAMI_PROFILE(text, mib, slices, width, starts, flags)                                                          \
	{                                                                                                              \
		{text, sizeof(text) - 1}, mib, {slices, 0, 0}, starts, width, flags                                    \
	}

/* 28 to 30: HAMi's sizes of an A100 of 40 GiB. */
Test(conformance, instances_go_where_hami_puts_them)
{
	static const geometry_profile profiles[] = {
		HAMI_PROFILE("1g.5gb", 5120, 1, 1, 0x7f, PROFILE_HIGH),
		HAMI_PROFILE("2g.10gb", 10240, 2, 2, 0x15, 0),
		HAMI_PROFILE("3g.20gb", 20480, 3, 4, 0x11, PROFILE_HIGH),
		HAMI_PROFILE("7g.40gb", 40960, 7, 8, 0x01, 0),
	};
	static const geometry a100 = {{"a100", 4}, profiles, 4, 8, {7, 0, 0}, false};
	static const int order[] = {2, 1, 0, 0}, starts[] = {4, 0, 3, 2};
	geometry_state s = {0};
	geometry_ask size = {.memory_mib = 10000};

	for (size_t i = 0; i < 4; i++) {
		uint32_t may = geometry_starts(&a100, &s, order[i]);
		int32_t at = profiles[order[i]].flags & PROFILE_HIGH ? 31 - __builtin_clz(may) : __builtin_ctz(may);
		/* A 1g goes high as long as what is there leaves it: the top is the 3g's. */
		cr_expect_eq(at, starts[i], "profile %d at %d", order[i], at);
		geometry_take(&a100, &s, order[i], at);
	}
	s = (geometry_state){0};
	for (int start = 0; start < 6; start += 2)
		geometry_take(&a100, &s, 1, start);
	cr_expect_eq(geometry_starts(&a100, &s, 1), 0, "a fourth 2g");
	cr_expect_eq(geometry_room(&a100, &s, 0), 1, "and a 1g");
	cr_expect_eq(geometry_serve(&a100, NULL, &size, 40960), 1);
	cr_expect_eq(geometry_compute_milli(&a100, 1), 285);
	size = (geometry_ask){.memory_mib = 40960 / 4};
	cr_expect_eq(geometry_serve(&a100, &s, &size, 40960), GEOMETRY_NONE, "25 percent with a 1g alone left");
}

#define WHOLE_NODE(name, notes) "{\"metadata\":{\"name\":\"" name "\",\"annotations\":{" notes "}}}"
#define REGISTER                "\"hami.io/node-nvidia-register\":\"[" GPU("z", "8000") "]\""

/* 32: nodes come whole. Ours: one that is known counts with what is on it. */
Test(conformance, whole_nodes_are_looked_at_without_a_trace)
{
	static const way w = {32, "", .nodes = NVIDIA("known", GPU("a", "8000")),
		.running = RUNS("p", "known", "a,NVIDIA,8000,0:;", MEM("1", "8000")), .pod = ""};
	course c;
	buf out;

	course_open(&c, &w);
	extender_spec spec = {.stock = c.stock, .by_default = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD}};
	extender *x = extender_new(&spec);
	buf_init(&out, 1 << 20);
	for (int i = 0; i < 2; i++) {
		buf_clear(&out);
		extender_filter(x,
			S("{\"Pod\":{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"n\",\"resourceVersion\":\"1\"},\"spec\":"
			  "{\"containers\":[" C("c", MEM("1", "8000")) "]}},\"Nodes\":{\"items\":[" WHOLE_NODE(
				  "fresh", REGISTER) "," WHOLE_NODE("bare", "") "," WHOLE_NODE("known",
				  REGISTER) "]},\"NodeNames\":null}"),
			&out);
		json_t *doc = doc_of(str_z(c.a, buf_str(&out)));
		cr_expect_str_eq(text_at(doc, "/Nodes/items/0/metadata/name"), "fresh");
		cr_expect_eq(json_array_size(json_object_get(json_object_get(doc, "Nodes"), "items")), 1);
		cr_expect_str_eq(text_at(doc, "/FailedAndUnresolvableNodes/bare"), "no device of this kind");
		cr_expect_str_eq(text_at(doc, "/FailedNodes/known"), "too little free on its devices");
		json_decref(doc);
		cr_expect_eq(stock_node_find(c.stock, S("fresh")), FLEET_NONE);
	}
	buf_done(&out);
	extender_free(x);
	course_close(&c);
}
