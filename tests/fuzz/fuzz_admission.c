/* Whatever an API server sends as a review: an answer is JSON, and only what is allowed is changed. */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include "agents/admission/admission.h"
#include "json/pull.h"

static str tenant_of(void *arg, str space)
{
	(void)arg;
	return space.n % 2 ? S("acme") : STR_NONE;
}

static bool asks(void *arg, str space, str name, str uid)
{
	(void)arg;
	(void)space;
	(void)name;
	return uid.n > 0;
}

static bool holds(void *arg, str uid, str node, const object_pair *v, uint32_t n, const char **ret_why)
{
	(void)arg;
	(void)uid;
	(void)node;
	(void)v;
	*ret_why = "it is not ours";
	return n > 1;
}

static bool has(str text, str part)
{
	for (uint32_t i = 0; i < text.n; i++)
		if (str_starts(str_cut(text, i, text.n), part))
			return true;
	return false;
}

static void check(bool is_answer, buf *out)
{
	str text = buf_str(out);
	pull p;

	assert(is_answer == (text.n > 0) && !out->over);
	if (is_answer) {
		pull_init(&p, text, PULL_DEPTH_CAP);
		assert(pull_skip(&p) == ERR_OK && pull_finish(&p) == ERR_OK);
		assert(!has(text, S("\"allowed\":false")) || !has(text, S("\"patchType\"")));
	}
	buf_clear(out);
}

#define QUOTA                                                                                                          \
	"{\"metadata\":{\"name\":\"q\",\"namespace\":\"default\",\"resourceVersion\":\"1\"},\"spec\":{\"hard\":{"      \
	"\"limits.nvidia.com/gpumem\":\"9k\"}}}"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	stock *s = stock_new();
	quotas *q = quotas_new();
	str text = str_of((const char *)bytes, n);
	admission x = {
		.rules = {.scheduler = "s", .hides_devices = true, .core_policy = "force", .tenant_of = tenant_of}};
	buf out;

	assert(quotas_put(q, S(QUOTA)) == ERR_OK);
	(void)!quotas_put(q, text);
	x.rules.quotas = q;
	x.rules.stock = s;
	x.guard = (guard_spec){.stock = s, .asks_devices = asks, .record_holds = holds};
	buf_init(&out, 64 << 20);
	check(admission_mutate(&x, text, &out), &out);
	check(admission_validate(&x, text, &out), &out);
	buf_done(&out);
	quotas_free(q);
	stock_free(s);
	return 0;
}
