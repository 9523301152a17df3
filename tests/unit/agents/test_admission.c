#include "admission_fixture.h"
#include "cluster_fixture.h"
#include "agents/file.h"

#define SCHEDULER "reeve-scheduler"
#define POD_WITH(meta, spec, containers)                                                                               \
	"{\"kind\":\"Pod\",\"apiVersion\":\"v1\",\"metadata\":{\"generateName\":\"t-\"" meta "},\"spec\":{" spec       \
	"\"containers\":[" containers "],\"schedulerName\":\"default-scheduler\"},\"status\":{}}"
#define C(name, rest, limits) "{\"name\":\"" name "\",\"image\":\"i\"" rest ",\"resources\":{\"limits\":{" limits "}}}"
#define POD(limits)           POD_WITH("", "", C("c", "", limits))
#define GPU                   "\"nvidia.com/gpu\":\"1\""
#define MEM(mib)              "\"nvidia.com/gpumem\":\"" mib "\""
#define L(resource)           "/spec/containers/0/resources/limits/" resource

static str tenant_of(void *arg, str space)
{
	(void)arg;
	return str_eq(space, S("team")) ? S("acme") : STR_NONE;
}

static str tenant_none(void *arg, str space)
{
	(void)arg;
	(void)space;
	return STR_NONE;
}

static admission plain(void)
{
	return (admission){.rules = {.scheduler = SCHEDULER}};
}

/* A pod, and what stands in it afterwards; NULL: nothing there. */
typedef struct effect {
	const char *pod, *at, *value;
} effect;

/* Its own result goes through again, as the API server does after another webhook: nothing more changes. */
static void stays(admission *x, const json_t *object)
{
	verdict again = pod_judge(x, "team", object);

	cr_expect(again.allowed, "%s", again.message);
	cr_expect_null(json_object_get(again.response, "patch"));
	verdict_done(&again);
}

static void effects_hold(admission *x, const effect *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *object = doc_of(v[i].pod);
		verdict is = pod_judge(x, "team", object);
		const char *value = is.allowed ? text_at(is.pod, v[i].at) : "refused";
		cr_expect(is.allowed, "row %zu: %s", i, is.message);
		cr_expect((!value && !v[i].value) || (value && v[i].value && strcmp(value, v[i].value) == 0),
			"row %zu: %s is %s, not %s", i, v[i].at, value ? value : "absent",
			v[i].value ? v[i].value : "absent");
		stays(x, is.pod);
		verdict_done(&is);
		json_decref(object);
	}
}
#define EFFECTS(x, v) effects_hold((x), (v), sizeof(v) / sizeof((v)[0]))

Test(admission, does_to_nvidias_pods_what_hami_does)
{
	static const effect v[] = {
		{POD(GPU "," MEM("3k")), "/spec/schedulerName", SCHEDULER},
		{POD("\"cpu\":\"1\""), "/spec/schedulerName", "default-scheduler"},
		/* an amount without a count */
		{POD(MEM("3k")), L("nvidia.com~1gpu"), "1"},
		{POD("\"nvidia.com/gpucores\":\"30\""), L("nvidia.com~1gpu"), "1"},
		{POD("\"nvidia.com/gpumem-percentage\":\"30\""), L("nvidia.com~1gpu"), "1"},
		{POD(MEM("3k")), L("nvidia.com~1gpumem"), "3k"},
		/* all of the memory takes all of the compute */
		{POD(GPU), L("nvidia.com~1gpucores"), "100"},
		{POD(GPU "," MEM("3k")), L("nvidia.com~1gpucores"), NULL},
		{POD(GPU ",\"nvidia.com/gpumem-percentage\":\"100\""), L("nvidia.com~1gpucores"), "100"},
		{POD(GPU ",\"nvidia.com/gpumem-percentage\":\"50\""), L("nvidia.com~1gpucores"), NULL},
		{POD(GPU ",\"nvidia.com/gpucores\":\"70\""), L("nvidia.com~1gpucores"), "70"},
		/* the priority becomes a variable, whatever stands there */
		{POD(GPU ",\"nvidia.com/priority\":\"0\""), "/spec/containers/0/env/0/value", "0"},
		{POD(GPU ",\"nvidia.com/priority\":\"1\""), "/spec/containers/0/env/0/name", "CUDA_TASK_PRIORITY"},
		{POD_WITH("", "",
			 C("c", ",\"env\":[{\"name\":\"A\",\"value\":\"b\"}]", GPU ",\"nvidia.com/priority\":\"1\"")),
			"/spec/containers/0/env/1/value", "1"},
		{POD_WITH("", "",
			 C("c", ",\"env\":[{\"name\":\"CUDA_TASK_PRIORITY\",\"valueFrom\":{}}]",
				 GPU ",\"nvidia.com/priority\":\"1\"")),
			"/spec/containers/0/env/0/value", "1"},
		/* init containers as well, and containers without anything stay as they are */
		{"{\"metadata\":{},\"spec\":{\"initContainers\":[" C(
			 "i", "", MEM("1k")) "],\"containers\":[{\"name\":\"c\"}]}}",
			"/spec/initContainers/0/resources/limits/nvidia.com~1gpu", "1"},
		{"{\"metadata\":{},\"spec\":{\"initContainers\":[" C(
			 "i", "", MEM("1k")) "],\"containers\":[{\"name\":\"c\"}]}}",
			"/spec/containers/0/resources", NULL},
	};
	admission x = plain();

	EFFECTS(&x, v);
}

Test(admission, does_to_other_makers_pods_what_hami_does)
{
#define ASCEND(n, more) "\"huawei.com/Ascend910B3\":\"" n "\"" more
#define C910(n, more)   "\"huawei.com/Ascend910C\":\"" n "\"" more
#define MT(n, more)     "\"mthreads.com/vgpu\":\"" n "\"" more
	static const effect v[] = {
		{POD(ASCEND("1", ",\"huawei.com/Ascend910B3-memory\":\"5k\"")), L("huawei.com~1Ascend910B3-memory"),
			"16384"},
		{POD(ASCEND("1", "")), L("huawei.com~1Ascend910B3-memory"), NULL},
		{POD(C910("1", ",\"huawei.com/Ascend910C-memory\":\"16384\"")), L("huawei.com~1Ascend910C"), "2"},
		{POD(C910("4", "")), L("huawei.com~1Ascend910C"), "4"},
		{POD_WITH(",\"annotations\":{\"huawei.com/vnpu-mode\":\"hami-core\"}", "",
			 C("c", "",
				 ASCEND("2",
					 ",\"huawei.com/Ascend910B3-memory\":\"5k\",\"huawei.com/Ascend910B3-core\":\"10\""))),
			L("huawei.com~1Ascend910B3-memory"), "5k"},
		{POD("\"kunlunxin.com/vxpu\":\"1\",\"kunlunxin.com/vxpu-memory\":\"20k\""),
			L("kunlunxin.com~1vxpu-memory"), "24576"},
		{POD(MT("1", "")), L("mthreads.com~1sgpu-core"), "16"},
		{POD(MT("1", "")), L("mthreads.com~1sgpu-memory"), "96"},
		{POD(MT("2", "")), L("mthreads.com~1sgpu-core"), "32"},
		{POD(MT("2", "")), L("mthreads.com~1sgpu-memory"), "192"},
		{POD(MT("2", "")), "/metadata/annotations/mthreads.com~1request-gpu-num", "2"},
		{POD(MT("1", ",\"mthreads.com/sgpu-memory\":\"32\"")), L("mthreads.com~1sgpu-core"), NULL},
		{POD("\"iluvatar.ai/MR-V100-vgpu\":\"2\""), L("iluvatar.ai~1MR-V100.vCore"), "200"},
		{POD("\"iluvatar.ai/MR-V100-vgpu\":\"1\""), "/spec/containers/0/env/0/name", "SOL_CONTINER_NAME"},
		{POD("\"iluvatar.ai/MR-V100-vgpu\":\"1\""), "/spec/containers/0/env/0/value", "c"},
		{POD("\"metax-tech.com/sgpu\":\"1\""), "/metadata/annotations/metax-tech.com~1sgpu-qos-policy",
			"best-effort"},
		{POD_WITH(",\"annotations\":{\"metax-tech.com/sgpu-app-class\":\"online\"}", "",
			 C("c", "", "\"metax-tech.com/sgpu\":\"1\"")),
			"/metadata/annotations/metax-tech.com~1sgpu-qos-policy", NULL},
		{POD("\"metax-tech.com/gpu\":\"1\""), "/spec/schedulerName", SCHEDULER},
	};
	admission x = plain();

	EFFECTS(&x, v);
}

/* What must be refused, how it is said and where. */
typedef struct bad {
	const char *pod, *code, *says, *field;
} bad;

static void refusals_hold(admission *x, const bad *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		json_t *object = doc_of(v[i].pod);
		verdict is = pod_judge(x, "team", object);
		cr_expect(!is.allowed, "row %zu", i);
		cr_expect_str_eq(is.code, v[i].code, "row %zu: %s: %s", i, is.code, is.message);
		cr_expect(strstr(is.message, v[i].says), "row %zu: %s", i, is.message);
		cr_expect_str_eq(is.field, v[i].field, "row %zu: %s", i, is.field);
		cr_expect(strchr(is.message, '(') && strstr(is.message, v[i].code), "row %zu: %s", i, is.message);
		verdict_done(&is);
		json_decref(object);
	}
}
#define REFUSALS(x, v) refusals_hold((x), (v), sizeof(v) / sizeof((v)[0]))

/* Pods with a Docker daemon beside them ran under HAMi, and were refused. */
Test(admission, a_privileged_container_beside_devices_is_told_of)
{
	admission x = plain();
	json_t *object = doc_of(
		POD_WITH("", "", C("c", "", GPU) ",{\"name\":\"dind\",\"securityContext\":{\"privileged\":true}}"));
	verdict is = pod_judge(&x, "team", object);

	cr_expect(is.allowed);
	cr_expect_str_eq(json_string_value(json_array_get(json_object_get(is.response, "warnings"), 0)),
		"container dind is privileged: it sees every device of its node");
	verdict_done(&is);
	json_decref(object);
}

Test(admission, refuses_in_hamis_words_what_hami_refuses)
{
#define LIMIT(resource) "spec.containers[0].resources.limits[" resource "]"
	static const bad v[] = {
		{POD_WITH("", "", ""), "no_containers", "pod has no containers", "spec.containers"},
		{POD_WITH("", "", C("c", ",\"securityContext\":{\"privileged\":true}", GPU)), "privileged",
			"container c is privileged", "spec.containers[0].securityContext.privileged"},
		{POD_WITH("",
			 "\"initContainers\":[{\"name\":\"i\",\"securityContext\":{\"privileged\":true},\"resources\":{"
			 "\"limits\":{" GPU "}}}],",
			 C("c", "", GPU)),
			"privileged", "container i is privileged", "spec.initContainers[0].securityContext.privileged"},
		{POD_WITH("", "\"nodeName\":\"n1\",", C("c", "", GPU)), "node_assigned", "pod has node assigned",
			"spec.nodeName"},
		{POD(GPU ",\"nvidia.com/gpumem-percentage\":\"150\""), "bad_amount",
			"invalid nvidia.com/gpumem-percentage value 150 in container c: must be an integer between 0 and 100",
			LIMIT("nvidia.com/gpumem-percentage")},
		{POD(GPU ",\"nvidia.com/gpumem-percentage\":\"-1\""), "bad_amount",
			"must be an integer between 0 and 100", LIMIT("nvidia.com/gpumem-percentage")},
		{POD("\"huawei.com/Ascend910C\":\"3\""), "bad_amount",
			"Ascend910C device request must be 1 or 2*n, got 3", LIMIT("huawei.com/Ascend910C")},
		{POD(ASCEND("2", ",\"huawei.com/Ascend910B3-memory\":\"5k\"")), "bad_amount",
			"vNPU not supported for multiple devices", LIMIT("huawei.com/Ascend910B3")},
		{POD(ASCEND("1", ",\"huawei.com/Ascend910B3-core\":\"5\"")), "bad_amount",
			"huawei.com/Ascend910B3-core is only supported in hami-core (soft split) mode",
			LIMIT("huawei.com/Ascend910B3-core")},
		{POD(MT("1", ",\"mthreads.com/sgpu-memory\":\"3\"")), "bad_amount",
			"valid values are [2, 4, 8, 16, 32, 64, 96]", LIMIT("mthreads.com/sgpu-memory")},
		{POD_WITH(",\"annotations\":{\"metax-tech.com/sgpu-qos-policy\":\"fast\"}", "",
			 C("c", "", "\"metax-tech.com/sgpu\":\"1\"")),
			"bad_annotation", "must be set one of [best-effort, fixed-share, burst-share]",
			"metadata.annotations[metax-tech.com/sgpu-qos-policy]"},
		{POD_WITH(",\"annotations\":{\"metax-tech.com/sgpu-app-class\":\"offline\"}", "",
			 C("c", "", "\"metax-tech.com/sgpu\":\"2\"")),
			"bad_annotation", "app-class pod must request single device",
			"metadata.annotations[metax-tech.com/sgpu-app-class]"},
		{POD("\"aws.amazon.com/neuroncore\":\"3\""), "bad_amount", "must be less than 2 or a multiple of it",
			LIMIT("aws.amazon.com/neuroncore")},
	};
	admission x = plain();

	REFUSALS(&x, v);
}

Test(admission, refuses_loudly_what_hami_drops_without_a_word)
{
	static const bad v[] = {
		{POD(GPU "," MEM("16Gi")), "bad_amount", "if bytes were meant, write 16384",
			LIMIT("nvidia.com/gpumem")},
		{POD(GPU ",\"nvidia.com/gpucores\":\"500m\""), "bad_amount", "must be a whole number",
			LIMIT("nvidia.com/gpucores")},
		{POD("\"hygon.com/dcumem\":\"2k\""), "bad_amount",
			"container c says hygon.com/dcumem but not hygon.com/dcunum", LIMIT("hygon.com/dcumem")},
		{POD("\"nvidia.com/priority\":\"1\""), "bad_amount", "it would get no device",
			LIMIT("nvidia.com/priority")},
		{POD_WITH("", "",
			 C("c", ",\"env\":[{\"name\":\"A\"},{\"name\":\"CUDA_DISABLE_CONTROL\",\"value\":\"true\"}]",
				 GPU)),
			"control_off", "CUDA_DISABLE_CONTROL", "spec.containers[0].env[1]"},
		{POD_WITH("", "",
			 C("c", ",\"env\":[{\"name\":\"CUDA_DISABLE_CONTROL\",\"valueFrom\":{\"fieldRef\":{}}}]", GPU)),
			"control_off", "CUDA_DISABLE_CONTROL", "spec.containers[0].env[0]"},
	};
	static const effect fine[] = {
		{POD_WITH("", "", C("c", ",\"env\":[{\"name\":\"CUDA_DISABLE_CONTROL\",\"value\":\"false\"}]", GPU)),
			"/spec/schedulerName", SCHEDULER},
		{POD_WITH("", "", C("c", ",\"env\":[{\"name\":\"CUDA_DISABLE_CONTROL\",\"value\":\"true\"}]", "")),
			"/spec/schedulerName", "default-scheduler"},
	};
	admission x = plain();

	REFUSALS(&x, v);
	EFFECTS(&x, fine);
}

/* Iluvatar's containers get their name as a variable. */
Test(admission, a_container_name_of_any_length_ends_no_agent)
{
	static char name[600 << 10], text[700 << 10];
	admission x = plain();

	for (int is_escaped = 0; is_escaped < 2; is_escaped++) {
		size_t n = 0;
		while (n + 8 < sizeof(name))
			n += (size_t)snprintf(name + n, sizeof(name) - n, "%s", is_escaped ? "\\u0001" : "a");
		(void)snprintf(text, sizeof(text),
			"{\"metadata\":{},\"spec\":{\"containers\":[{\"name\":\"%s\",\"resources\":{\"limits\":"
			"{\"iluvatar.ai/MR-V100-vgpu\":\"1\",\"iluvatar.ai/MR-V100.vMem\":\"4\"}}},"
			"{\"name\":\"%s\",\"resources\":{\"limits\":{\"iluvatar.ai/MR-V100-vgpu\":\"1\"}}}]}}",
			name, is_escaped ? "b" : "");
		json_t *object = json_loads(text, 0, NULL);
		cr_assert_not_null(object);
		(void)json_string_set(
			json_object_get(
				json_array_get(json_object_get(json_object_get(object, "spec"), "containers"), 1),
				"name"),
			json_string_value(json_object_get(
				json_array_get(json_object_get(json_object_get(object, "spec"), "containers"), 0),
				"name")));
		verdict is = pod_judge(&x, "team", object);
		cr_expect(!is.allowed && strstr(is.message, "too long"), "%s", is.allowed ? "allowed" : is.message);
		verdict_done(&is);
		json_decref(object);
	}
}

Test(admission, another_scheduler_is_kept_and_everything_else_holds)
{
#define OTHERS(limits)                                                                                                 \
	"{\"metadata\":{},\"spec\":{\"schedulerName\":\"volcano\",\"containers\":[" C("c", "", limits) "]}}"
	static const effect v[] = {
		{OTHERS(GPU), "/spec/schedulerName", "volcano"},
		{OTHERS(GPU), L("nvidia.com~1gpucores"), "100"},
		{OTHERS(GPU), "/metadata/annotations/reeve.io~1tenant", "acme"},
	};
	static const bad no[] = {
		{OTHERS(GPU "," MEM("16Gi")), "bad_amount", "16384", LIMIT("nvidia.com/gpumem")},
	};
	static const effect kept[] = {{POD(GPU), "/spec/schedulerName", "default-scheduler"}};
	admission x = plain();

	x.rules.tenant_of = tenant_of;
	EFFECTS(&x, v);
	REFUSALS(&x, no);
	x.rules.keeps_default = true;
	EFFECTS(&x, kept);
}

Test(admission, a_pod_is_its_namespaces_tenants)
{
	static const bad no[] = {
		{POD_WITH(",\"annotations\":{\"reeve.io/tenant\":\"umbra\"}", "", C("c", "", GPU)), "other_tenant",
			"namespace team is of tenant acme, not umbra", "metadata.annotations[reeve.io/tenant]"},
	};
	static const effect v[] = {
		{POD(GPU), "/metadata/annotations/reeve.io~1tenant", "acme"},
		{POD("\"cpu\":\"1\""), "/metadata/annotations", NULL},
	};
	static const bad nobody[] = {
		{POD(GPU), "unknown_tenant", "namespace team belongs to no tenant here", "metadata.namespace"},
	};
	admission x = plain();

	x.rules.tenant_of = tenant_of;
	EFFECTS(&x, v);
	REFUSALS(&x, no);
	x.rules.tenant_of = tenant_none;
	REFUSALS(&x, nobody);
}

Test(admission, what_a_pod_was_given_is_nothing_it_may_say_itself)
{
	static const effect v[] = {
		{POD_WITH(",\"annotations\":{\"hami.io/vgpu-devices-allocated\":\"GPU-1,NVIDIA,1,1:;\",\"a\":\"b\"}",
			 "", C("c", "", GPU)),
			"/metadata/annotations/hami.io~1vgpu-devices-allocated", NULL},
		{POD_WITH(",\"annotations\":{\"hami.io/vgpu-devices-allocated\":\"GPU-1,NVIDIA,1,1:;\",\"a\":\"b\"}",
			 "", C("c", "", "")),
			"/metadata/annotations/a", "b"},
		{POD_WITH(",\"annotations\":{\"reeve.io/receipt\":\"x\"}", "", C("c", "", GPU)),
			"/metadata/annotations/reeve.io~1receipt", NULL},
	};
	admission x = plain();

	EFFECTS(&x, v);
}

Test(admission, settings_of_hamis_charts_do_as_they_did)
{
	static const effect v[] = {
		{POD(""), "/spec/containers/0/env/0/name", "NVIDIA_VISIBLE_DEVICES"},
		{POD(""), "/spec/containers/0/env/0/value", "none"},
		{POD(GPU), "/spec/containers/0/env/0/name", "ASCEND_VISIBLE_DEVICES"},
		{POD(GPU), "/spec/containers/0/env/1/name", "GPU_CORE_UTILIZATION_POLICY"},
		{POD(GPU), "/spec/runtimeClassName", "nvidia"},
		{POD_WITH("", "\"runtimeClassName\":\"own\",", C("c", "", GPU)), "/spec/runtimeClassName", "own"},
		{POD(""), "/spec/runtimeClassName", NULL},
	};
	admission x = plain();

	x.rules.hides_devices = true;
	x.rules.core_policy = "force";
	x.rules.runtime_class = "nvidia";
	EFFECTS(&x, v);
}

#define QUOTA(space, name, hard)                                                                                       \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"" space "\",\"uid\":\"" name                             \
	"\",\"resourceVersion\":\"1\"},\"spec\":{\"hard\":{" hard "}}}"

static tenant_left little_left(void *arg, str tenant, const vendor *kind)
{
	(void)kind;
	return (tenant_left){tenant, *(int64_t *)arg, 1000, true};
}

Test(admission, the_tighter_of_two_quotas_is_named)
{
	int64_t left_mib = 10;
	stock *s = f2x2_new();
	quotas *q = quotas_new();
	admission x = plain();
	x.rules.quotas = q;
	x.rules.stock = s;
	x.rules.tenant_of = tenant_of;
	x.rules.left = little_left;
	x.rules.arg = &left_mib;

	cr_assert_eq(
		quotas_put(q, str_from(QUOTA("team", "wide", "\"limits.nvidia.com/gpumem\":\"8k\",\"pods\":\"10\""))),
		ERR_OK);
	cr_assert_eq(quotas_put(q, str_from(QUOTA("team", "thin", "\"limits.nvidia.com/gpumem\":\"2k\""))), ERR_OK);
	cr_assert_eq(quotas_put(q, str_from(QUOTA("else", "none", "\"limits.nvidia.com/gpumem\":\"0\""))), ERR_OK);
	json_t *object = doc_of(POD(GPU "," MEM("9k"))), *fits = doc_of(POD(GPU "," MEM("1k")));
	verdict no = pod_judge(&x, "team", object);
	cr_expect_str_eq(no.code, "over_quota");
	cr_expect(
		strstr(no.message, "exceeding resource quota: team/thin has limits.nvidia.com/gpumem 2000, of which 0"),
		"%s", no.message);
	cr_expect(strstr(no.message, "the tenant's own is tighter: acme leaves 10 MiB"), "%s", no.message);
	verdict_done(&no);
	left_mib = 5000;
	no = pod_judge(&x, "team", object);
	cr_expect(!strstr(no.message, "tighter"), "%s", no.message);
	verdict_done(&no);
	/* The tenant's own makes it wait, and says so. */
	left_mib = 500;
	verdict waits = pod_judge(&x, "team", fits);
	cr_expect(waits.allowed);
	cr_expect_str_eq(json_string_value(json_array_get(json_object_get(waits.response, "warnings"), 0)),
		"waits for quota: acme has 500 of 1000 MiB left here");
	verdict_done(&waits);
	quotas_drop(q, S("team"), S("thin"));
	left_mib = 100000;
	verdict yes = pod_judge(&x, "team", fits);
	cr_expect(yes.allowed && !json_object_get(yes.response, "warnings"));
	verdict_done(&yes);
	json_decref(object);
	json_decref(fits);
	quotas_free(q);
	stock_free(s);
}

static str replaced(str text, const char *what, const char *with, arena *a)
{
	buf b;

	buf_init(&b, 1 << 20);
	for (uint32_t i = 0; i < text.n; i++) {
		bool is_it = str_starts(str_cut(text, i, text.n), str_from(what));
		if (is_it)
			buf_add_str(&b, str_from(with));
		else
			buf_add_char(&b, text.p[i]);
		i += is_it ? (uint32_t)strlen(what) - 1 : 0;
	}
	str out = str_dup(a, buf_str(&b));
	buf_done(&b);
	return out;
}

static void answers(str body, const char *wanted)
{
	AUTO_ARENA a = arena_new(0);
	admission x = plain();
	buf out;

	buf_init(&out, 1 << 20);
	cr_assert(admission_mutate(&x, body, &out));
	cr_expect_str_eq(str_z(a, buf_str(&out)), wanted);
	buf_done(&out);
}

Test(admission, answers_what_a_real_api_server_asked)
{
#define ANSWER(rest)                                                                                                   \
	"{\"apiVersion\":\"admission.k8s.io/v1\",\"kind\":\"AdmissionReview\",\"response\":{\"uid\":"                  \
	"\"6e2cd9df-c487-452f-8cff-42b61033d8b1\",\"allowed\":" rest "}}"
	AUTO_ARENA a = arena_new(0);
	str text, patch = S("[{\"op\":\"add\",\"path\":\"/spec/schedulerName\",\"value\":\"" SCHEDULER "\"}]");
	fault f = {0};

	cr_assert_eq(file_read(RECORDED "/admission/pod-create-mutate.json", a, &text, &f), ERR_OK, "%s", f.detail);
	json_t *doc = json_loadb(text.p, text.n, 0, NULL);
	str body = str_from(json_string_value(json_object_get(doc, "request_body_text")));
	answers(body, ANSWER("true"));
	/* The same pod asking for what we govern; 8000 comes as "8k". */
	str ours = replaced(body, "example.com/gpumem", "nvidia.com/gpumem", a);
	ours = replaced(ours, "example.com/vgpu", "nvidia.com/gpu", a);
	answers(ours, str_z(a, str_print(a, ANSWER("true,\"patchType\":\"JSONPatch\",\"patch\":\"" STR_FMT "\""),
				       STR_ARG(base64_print(patch, a)))));
	answers(replaced(ours, "\"8k\"", "\"16Gi\"", a),
		ANSWER("false,\"status\":{\"status\":\"Failure\",\"message\":\"container c: nvidia.com/gpumem counts in "
		       "units of 1 MiB and no device has 16Gi of them; if bytes were meant, write 16384 (bad_amount)\","
		       "\"reason\":\"Forbidden\",\"details\":{\"causes\":[{\"reason\":\"bad_amount\",\"message\":"
		       "\"container c: nvidia.com/gpumem counts in units of 1 MiB and no device has 16Gi of them; if bytes "
		       "were meant, write 16384\",\"field\":\"spec.containers[0].resources.limits[nvidia.com/gpumem]\"}]},"
		       "\"code\":403},\"auditAnnotations\":{\"refused\":\"bad_amount\"}"));
	json_decref(doc);
}

Test(admission, what_is_no_review_gets_no_answer)
{
	static const char *const v[] = {
		"",
		"{",
		"\"x\"",
		"[]",
		"{}",
		"{\"apiVersion\":\"admission.k8s.io/v1\"}",
		"{\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{}}",
		"{\"apiVersion\":\"admission.k8s.io/v1beta1\",\"request\":{\"uid\":\"u\"}}",
		"{\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":\"u\"}} x",
	};
	admission x = plain();
	buf out;

	buf_init(&out, 1 << 20);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++)
		cr_expect(!admission_mutate(&x, str_from(v[i]), &out), "%s", v[i]);
	cr_expect_eq(out.n, 0);
	buf_done(&out);
}

#define BINDING(node, annotations)                                                                                       \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":\"u\",\"resource\":"  \
	"{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"},\"subResource\":\"binding\",\"name\":\"p\","          \
	"\"namespace\":\"team\",\"operation\":\"CREATE\",\"object\":{\"kind\":\"Binding\",\"metadata\":{\"name\":\"p\"," \
	"\"uid\":\"p-uid\"" annotations "},\"target\":{\"kind\":\"Node\",\"name\":\"" node "\"}}}}"

static bool asks_yes(void *arg, str space, str name, str uid)
{
	cr_expect(str_eq(space, S("team")) && str_eq(name, S("p")) && str_eq(uid, S("p-uid")));
	return *(bool *)arg;
}

static bool record_is_ours(void *arg, str uid, str node, const object_pair *v, uint32_t n, const char **ret_why)
{
	(void)arg;
	*ret_why = "there is none";
	return n == 1 && str_eq(v[0].value, S("good")) && str_eq(uid, S("p-uid")) && str_eq(node, S("node1"));
}

Test(admission, a_binding_to_a_governed_node_needs_its_record)
{
	static const struct {
		const char *body, *code; /* "": allowed */
		bool asks;
	} v[] = {
		{BINDING("node1", ""), "no_record", true},
		{BINDING("node1", ",\"annotations\":{\"r\":\"bad\"}"), "bad_record", true},
		{BINDING("node1", ",\"annotations\":{\"r\":\"good\"}"), "", true},
		{BINDING("node2", ",\"annotations\":{\"r\":\"good\"}"), "bad_record", true},
		{BINDING("plain", ""), "", true},
		{BINDING("node1", ""), "", false},
	};
	stock *s = f2x2_new();
	bool asks;
	admission x = plain();
	x.guard = (guard_spec){.stock = s, .asks_devices = asks_yes, .record_holds = record_is_ours, .arg = &asks};

	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		asks = v[i].asks;
		json_t *doc = review_ask(&x, false, v[i].body), *response = json_object_get(doc, "response");
		const char *code = text_at(response, "/status/details/causes/0/reason");
		cr_expect_str_eq(code ? code : "", v[i].code, "row %zu", i);
		cr_expect_eq(json_is_true(json_object_get(response, "allowed")), v[i].code[0] == '\0', "row %zu", i);
		json_decref(doc);
	}
	stock_free(s);
}

#define NOTED(notes) "{\"metadata\":{\"name\":\"p\",\"namespace\":\"team\",\"annotations\":" notes "},\"spec\":{}}"
#define CHANGE(user, groups, sub, before, after)                                                                        \
	"{\"kind\":\"AdmissionReview\",\"apiVersion\":\"admission.k8s.io/v1\",\"request\":{\"uid\":\"u\",\"resource\":" \
	"{\"group\":\"\",\"version\":\"v1\",\"resource\":\"pods\"}," sub                                                \
	"\"operation\":\"UPDATE\",\"userInfo\":{\"username\":\"" user "\",\"groups\":" groups                           \
	"},\"object\":" NOTED(after) ",\"oldObject\":" NOTED(before) "}}"

/* Before Kubernetes 1.30 nothing else stood between a tenant and the receipt of what its pod was charged. */
Test(admission, what_a_pod_was_given_is_changed_by_those_who_give_alone)
{
	static const struct {
		const char *body;
		bool is_refused;
	} v[] = {
		{CHANGE("jane", "[\"dev\"]", "", "{\"reeve.io/receipt\":\"a\"}", "{}"), true},
		{CHANGE("jane", "null", "", "{\"reeve.io/receipt\":\"a\"}", "null"), true},
		{CHANGE("jane", "[]", "", "{\"reeve.io/plan\":\"a\"}", "{\"reeve.io/plan\":\"b\"}"), true},
		{CHANGE("jane", "[]", "", "null", "{\"hami.io/vgpu-devices-allocated\":\"x\"}"), true},
		{CHANGE("jane", "[]", "\"subResource\":\"status\",", "{\"reeve.io/plan\":\"a\"}", "{}"), true},
		{CHANGE("jane", "[]", "\"subResource\":\"ephemeralcontainers\",", "{\"reeve.io/plan\":\"a\"}", "{}"),
			false},
		{CHANGE("jane", "[]", "\"subResource\":null,", "{\"reeve.io/plan\":\"a\",\"x\":\"1\"}",
			 "{\"y\":\"2\",\"reeve.io/plan\":\"a\"}"),
			false},
		{CHANGE("system:node:n1", "[\"system:nodes\"]", "", "null", "{\"hami.io/bind-phase\":\"success\"}"),
			false},
		{CHANGE("root", "[\"a\",\"system:masters\"]", "", "{\"reeve.io/plan\":\"a\"}", "{}"), false},
		{CHANGE("system:serviceaccount:hami-system:plugin", "[]", "", "null", "{\"hami.io/x\":\"1\"}"), false},
		{CHANGE("system:serviceaccount:reeve:reeve-agent", "[]", "", "null", "{\"reeve.io/receipt\":\"1\"}"),
			false},
		{CHANGE("system:serviceaccount:reeve-team:x", "[]", "", "null", "{\"reeve.io/receipt\":\"1\"}"), true},
		{CHANGE("system:serviceaccount:team:x", "[]", "", "{\"hami.io/x\":\"1\"}", "{}"), true},
	};
	admission x = plain();

	cr_assert(records_writers(&x.records, S("reeve")));
	cr_assert(records_writers(&x.records, S("kube-system, hami-system,")));
	cr_expect_eq(x.records.n, 3);
	for (size_t i = 0; i < sizeof(v) / sizeof(v[0]); i++) {
		json_t *doc = review_ask(&x, false, v[i].body), *response = json_object_get(doc, "response");
		const char *code = text_at(response, "/status/details/causes/0/reason");
		cr_expect_str_eq(code ? code : "", v[i].is_refused ? "record_kept" : "", "row %zu", i);
		cr_expect_eq(json_is_true(json_object_get(response, "allowed")), !v[i].is_refused, "row %zu", i);
		json_decref(doc);
	}
}
