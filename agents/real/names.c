#include "agents/real/names.h"
#include "net/digest.h"

enum { INDEX_MAX = 1023, RUNTIME_MAX_S = 31622400, BITS = 5 };

/* Crockford's base 32, as in a ULID: the first character has three bits. */
static void ulid_print(const uint8_t *bytes, char *out)
{
	static const char digits[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
	uint32_t held = 0, n_bits = 2;

	for (int i = 0, at = 0; i < ID_ULID; i++) {
		while (n_bits < BITS) {
			held = held << 8 | bytes[at++];
			n_bits += 8;
		}
		n_bits -= BITS;
		out[i] = digits[held >> n_bits & 31];
	}
}

id name_of_pod(str cluster_uid, str pod_uid)
{
	uint8_t digest[DIGEST_BYTES];
	str parts[] = {S("reeve pod "), cluster_uid, S(" "), pod_uid};
	id name = {"plc_"};

	digest_sha256(parts, sizeof(parts) / sizeof(parts[0]), digest);
	ulid_print(digest, name.p + 4);
	name.p[4 + ID_ULID] = 0;
	return name;
}

str name_claimed(const pod *p)
{
	str name = pod_annotation(p, NAME_PLACEMENT_KEY);

	return id_is(name, "plc") ? name : STR_NONE;
}

static int64_t number_of(const pod *p, const char *key, int64_t most)
{
	int64_t v;

	return str_to_i64(pod_annotation(p, key), &v) && v >= 0 && v <= most ? v : -1;
}

int64_t name_index(const pod *p)
{
	int64_t own = number_of(p, NAME_INDEX_KEY, INDEX_MAX), job = number_of(p, NAME_JOB_INDEX_KEY, INDEX_MAX);

	return own >= 0 ? own : job >= 0 ? job : 0;
}

int64_t name_max_runtime_s(const pod *p)
{
	int64_t s = number_of(p, NAME_RUNTIME_KEY, RUNTIME_MAX_S);

	return s > 0 ? s : 0;
}
