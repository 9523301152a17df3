#include "api/types/manifest.h"
#include <criterion/criterion.h>
#include "base/buf.h"

enum { WIDTH = 10, DEPTH = 4, BODY_MAX = 16 << 20 };

/* A tree as wide at each tenant, each with a quota. */
static uint32_t tenants_write(buf *b, int depth)
{
	uint32_t n = 0;

	buf_add_str(b, S("\"tenants\":{"));
	for (int i = 0; i < WIDTH; i++) {
		buf_printf(b, "%s\"t%d\":{\"quota\":{\"models\":{\"h100-80g\":{\"limit\":{\"device_milli\":1000}}}}",
			i ? "," : "", i);
		n++;
		if (depth > 1) {
			buf_add_char(b, ',');
			n += tenants_write(b, depth - 1);
		}
		buf_add_char(b, '}');
	}
	buf_add_char(b, '}');
	return n;
}

/* Found by a bench of ten thousand tenants: an entry had grown, and all of them together were too long. */
Test(manifest, as_many_tenants_as_a_manifest_may_have_can_be_read)
{
	arena *a = arena_new(0);
	manifest m;
	fault f = {0};
	buf b;

	buf_init(&b, BODY_MAX);
	buf_add_str(&b, S("{\"manager\":\"git\","));
	uint32_t n = tenants_write(&b, DEPTH);
	buf_add_char(&b, '}');
	cr_assert_geq(n, MANIFEST_TENANTS_MAX);
	err e = js_read_large(&manifest_type, buf_str(&b), a, &m, &f);
	cr_expect_eq(e, ERR_OK, "%s at %s: %s", err_code(e), f.pointer, f.detail);
	buf_done(&b);
	arena_end(a);
}
