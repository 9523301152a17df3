/* The rules of HAMi's cases 10, 26 and 27, one pod against one node. */
#include "cluster_fixture.h"

typedef struct rule {
	const char *annotations; /* of the pod: members of the object, or "" */
	const char *limits;      /* members */
	const char *reason;      /* NULL: it fits */
} rule;

#define DCU_NODE(text)                                                                                                   \
	"{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\",\"annotations\":{\"hami.io/node-dcu-register\":\"" text \
	"\"}}}"
#define NVIDIA_NODE(more, cards)                                                                                       \
	"{\"metadata\":{\"name\":\"n\",\"resourceVersion\":\"1\",\"annotations\":{" more                               \
	"\"hami.io/node-nvidia-register\":\"[" cards "]\"}}}"
#define MODEL(uuid, type, numa, health)                                                                                \
	"{\\\"id\\\":\\\"" uuid "\\\",\\\"count\\\":2,\\\"devmem\\\":8000,\\\"devcore\\\":100,\\\"type\\\":\\\"" type  \
	"\\\",\\\"numa\\\":" numa ",\\\"health\\\":" health "}"

static const char *reason_of(stock *s, const rule *r, arena *a)
{
	extender_spec spec = {.stock = s, .by_default = {POLICY_HAMI_BINPACK, POLICY_HAMI_SPREAD}};
	extender *x = extender_new(&spec);
	buf out;
	str body = str_print(a,
		"{\"Pod\":{\"metadata\":{\"name\":\"p\",\"namespace\":\"d\",\"uid\":\"p\",\"resourceVersion\":\"1\","
		"\"annotations\":{%s}},\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{%s}}}]}},"
		"\"NodeNames\":[\"n\"]}",
		r->annotations, r->limits);

	buf_init(&out, 1 << 16);
	extender_filter(x, body, &out);
	str text = str_dup(a, buf_str(&out));
	buf_done(&out);
	extender_free(x);
	return str_z(a, text);
}

static void rules_hold(const char *node, const char *running, const rule *v, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		AUTO_ARENA a = arena_new(0);
		stock *s = stock_new();
		node_tell(s, node);
		if (running)
			cr_assert_eq(pod_tell(s, running), ERR_OK);
		const char *answer = reason_of(s, &v[i], a);
		const char *says = v[i].reason ? v[i].reason : "{\"NodeNames\":[\"n\"]";
		cr_expect(strstr(answer, says), "row %zu: %s: %s, not %s", i, v[i].annotations, answer, says);
		stock_free(s);
	}
}
#define RULES(node, running, v) rules_hold((node), (running), (v), sizeof(v) / sizeof((v)[0]))
#define ONE                     "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"1000\""
#define NOT_THERE               "\"n\":\"no device of this kind\""

Test(extender_rules, names_of_devices_are_taken_whole_trimmed_and_denied_first)
{
#define USE(list) "\"nvidia.com/use-gpuuuid\":\"" list "\""
#define NO(list)  "\"nvidia.com/nouse-gpuuuid\":\"" list "\""
	static const rule v[] = {
		{"", ONE, NULL},
		{USE("abc,123"), ONE, NULL},
		{USE("1abc,123"), ONE, NOT_THERE},
		{USE("ab"), ONE, NOT_THERE},
		{NO("abc,123"), ONE, NOT_THERE},
		{NO("1abc,123"), ONE, NULL},
		{USE("abc,123") "," NO("abc"), ONE, NOT_THERE},
		{USE("abc,123") "," NO("456"), ONE, NULL},
		{USE(" abc , 123 "), ONE, NULL},
		{USE(""), ONE, NULL},
		{USE("   "), ONE, NULL},
		{NO(""), ONE, NULL},
	};

	RULES(NVIDIA_NODE("", MODEL("abc", "NVIDIA-A100", "0", "true")), NULL, v);
}

Test(extender_rules, names_of_products_are_parts_without_case)
{
#define TYPE(list)    "\"nvidia.com/use-gputype\":\"" list "\""
#define NO_TYPE(list) "\"nvidia.com/nouse-gputype\":\"" list "\""
	static const rule v[] = {
		{TYPE("A100"), ONE, NULL},
		{TYPE("a100"), ONE, NULL},
		{TYPE("H100,A100"), ONE, NULL},
		{TYPE("H100"), ONE, NOT_THERE},
		{TYPE(" A100 "), ONE, NULL},
		{TYPE(""), ONE, NULL},
		{NO_TYPE("A100"), ONE, NOT_THERE},
		{NO_TYPE("nvidia"), ONE, NOT_THERE},
		{NO_TYPE("H100"), ONE, NULL},
		{TYPE("A100") "," NO_TYPE("NVIDIA"), ONE, NOT_THERE},
		{TYPE("A100") "," NO_TYPE("H100"), ONE, NULL},
	};

	RULES(NVIDIA_NODE("", MODEL("abc", "NVIDIA-A100", "0", "true")), NULL, v);
}

Test(extender_rules, weights_are_three_or_the_pod_is_told)
{
#define WEIGHTS_OF(list) "\"hami.io/device-scoring-weights\":\"" list "\""
#define BAD              "is not of the form slot=1,core=1,memory=1"
	static const rule v[] = {
		{WEIGHTS_OF(" memory = 3, slot = 1, core = 0 "), ONE, NULL},
		{WEIGHTS_OF(""), ONE, BAD},
		{WEIGHTS_OF("slot=1,core=1"), ONE, BAD},
		{WEIGHTS_OF("slot=1,core=1,memory"), ONE, BAD},
		{WEIGHTS_OF("slot=1,core=1,memory=1.5"), ONE, BAD},
		{WEIGHTS_OF("slot=1,core=-1,memory=1"), ONE, BAD},
		{WEIGHTS_OF("slot=1,core=1,disk=1"), ONE, BAD},
		{WEIGHTS_OF("slot=1,slot=1,core=1,memory=1"), ONE, BAD},
		{WEIGHTS_OF("slot=0,core=0,memory=0"), ONE, BAD},
	};

	RULES(NVIDIA_NODE("", MODEL("abc", "NVIDIA-A100", "0", "true")), NULL, v);
}

#define LITTLE "\"n\":\"too little free on its devices\""
#define SMALL  "\"n\":\"devices too few or too small\""
#define CLOSED "\"n\":\"node or devices closed\""

Test(extender_rules, a_card_in_use_gives_what_is_left)
{
	static const rule v[] = {
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"6000\"", NULL},
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"6001\"", LITTLE},
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"1000\",\"nvidia.com/gpucores\":\"75\"", NULL},
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"1000\",\"nvidia.com/gpucores\":\"76\"", LITTLE},
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"1000\",\"nvidia.com/gpucores\":\"100\"", LITTLE},
		{"", "\"nvidia.com/gpu\":\"1\"", LITTLE}, /* the whole card */
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem-percentage\":\"75\"", NULL},
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem-percentage\":\"76\"", LITTLE},
		{"", "\"nvidia.com/gpu\":\"2\",\"nvidia.com/gpumem\":\"1\"", SMALL},
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"8001\"", SMALL},
		{"\"hami.io/gpu-scheduler-policy\":\"mutex\"", ONE, LITTLE},
		{"", "\"nvidia.com/gpumem\":\"6000\"", NULL}, /* without a count: one */
	};

	RULES(NVIDIA_NODE("", MODEL("abc", "NVIDIA", "0", "true")),
		RUNNING("u", "n", "abc,NVIDIA,2000,25:;", ASK("1", "2000", "25")), v);
}

Test(extender_rules, an_exclusive_card_is_nobody_elses)
{
	static const rule v[] = {
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"100\"", LITTLE},
		{"", "\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"100\",\"nvidia.com/gpucores\":\"0\"", LITTLE},
	};

	RULES(NVIDIA_NODE("", MODEL("abc", "NVIDIA", "0", "true")),
		RUNNING("u", "n", "abc,NVIDIA,2000,100:;", ASK("1", "2000", "100")), v);
}

Test(extender_rules, no_more_share_a_card_than_its_plugin_says)
{
	static const rule v[] = {{"", ONE, LITTLE}};

	RULES(NVIDIA_NODE("", MODEL("abc", "NVIDIA", "0", "true")),
		RUNNING("u", "n", "abc,NVIDIA,1,0:;abc,NVIDIA,1,0:;", ASK("1", "1", "0") "," ASK("1", "1", "0")), v);
}

Test(extender_rules, what_is_closed_says_so)
{
	static const rule v[] = {{"", ONE, CLOSED}};

	RULES(NVIDIA_NODE("", MODEL("abc", "NVIDIA", "0", "false")), NULL, v);
	RULES(NVIDIA_NODE("\"hami.io/device-cordon\":\"x, abc\",", MODEL("abc", "NVIDIA", "0", "true")), NULL, v);
	RULES(DCU_NODE("D,4,8000,100,DCU,0,false:"), NULL,
		((rule[]){{"", "\"hygon.com/dcunum\":\"1\",\"hygon.com/dcumem\":\"1000\"", CLOSED}}));
}

Test(extender_rules, cards_of_one_container_may_have_to_be_of_one_numa_node)
{
	static const rule v[] = {
		{"", "\"nvidia.com/gpu\":\"2\",\"nvidia.com/gpumem\":\"1000\"", NULL},
		{"\"nvidia.com/numa-bind\":\"true\"", "\"nvidia.com/gpu\":\"2\",\"nvidia.com/gpumem\":\"1000\"",
			"NUMA"},
	};

	static const rule unknown[] = {
		{"\"nvidia.com/numa-bind\":\"true\"", "\"nvidia.com/gpu\":\"2\",\"nvidia.com/gpumem\":\"1000\"", NULL}};

	RULES(NVIDIA_NODE("", MODEL("a", "NVIDIA", "0", "true") "," MODEL("b", "NVIDIA", "1", "true")), NULL, v);
	/* -1: the plugin does not know. Cards of which nobody knows are alike; one that is known is not like them. */
	RULES(NVIDIA_NODE("", MODEL("a", "NVIDIA", "-1", "true") "," MODEL("b", "NVIDIA", "-1", "true")), NULL,
		unknown);
	RULES(NVIDIA_NODE("", MODEL("a", "NVIDIA", "-1", "true") "," MODEL("b", "NVIDIA", "0", "true")), NULL, v);
}
