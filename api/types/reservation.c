#include "api/types/reservation.h"

#include "api/types/placement.h"

const char *const reservation_states[] = {"pending", "held", "active", "ended", NULL};

#define F(...) JS_FIELD(reservation_request, __VA_ARGS__)
static const js_field reservation_request_fields[] = {
	F(id, JS_READ_ONLY, "rsv_ and a ULID."),
	F(tenant, JS_REQUIRED, "Path or id: it and the tenants below it may place on it, and it is charged.",
		.form = JS_TENANT_REF),
	F(name, JS_OPTIONAL, "For people.", .form = JS_NAME, JS_LEN(1, 63)),
	F(starts_at, JS_OPTIONAL, "When it begins; absent: now."),
	F(ends_at, JS_REQUIRED, "When it ends by itself, and what still runs in it is told to go."),
	F(cluster, JS_OPTIONAL,
		"Name or id of the cluster; absent: whichever has room. Once it is held, where that is.",
		.form = JS_NAME),
	F(class, JS_OPTIONAL, "Devices of this class; needed where no uuids are given.", .form = JS_CLASS_NAME),
	F(count, JS_OPTIONAL, "How many devices; absent: 1, or as many as uuids.", JS_RANGE(1, 1024), JS_INITIAL(1)),
	F(per_node, JS_OPTIONAL, "So many of them on each node.", JS_RANGE(1, 64), JS_INITIAL(1)),
	F(memory_mib, JS_OPTIONAL, "MiB of each device; absent: its whole memory.", JS_RANGE(1, 100000000),
		.may_miss = true),
	F(compute_milli, JS_OPTIONAL,
		"Thousandths of each device's compute; absent: 1000 with whole memory, else the class default.",
		JS_RANGE(0, 1000), .may_miss = true),
	F(uuids, JS_OPTIONAL, "These devices, all of one cluster, in the place of class and count.", JS_ITEMS(0, 64),
		.form = JS_FREE_TEXT),
	F(state, JS_READ_ONLY,
		"pending: not promised yet, blockers say why; held: promised, its window is ahead; active: the window runs; ended.",
		JS_VALUES(reservation_states)),
	F(placed, JS_READ_ONLY, "The devices that are held, by node.", JS_OF(placed_pod), .always = true,
		JS_ITEMS(0, 100000)),
	F(blockers, JS_READ_ONLY, "What stands in the way of it, or of a part of it.", JS_OF(placement_blocker),
		.always = true),
	F(unused_device_milli, JS_READ_ONLY,
		"What of it nobody uses: charged to its tenant while the window runs, beside what runs in it.",
		.always = true),
	F(unused_memory_mib, JS_READ_ONLY, "The same in MiB.", .always = true),
	F(unused_compute_milli, JS_READ_ONLY, "The same in thousandths of a device's compute.", .always = true),
	F(revision, JS_READ_ONLY, "Of what was asked; the ETag."),
	F(created_at, JS_READ_ONLY, "When it was made."),
	F(reason, JS_OPTIONAL, "Why; kept in the audit record.", JS_LEN(0, 500)),
};
#undef F
JS_TYPE_GIVEN(reservation_request, "Devices that are kept for a tenant for a time.");

static err uuids_check(const reservation_request *q, fault *f)
{
	const js_type *t = &reservation_request_type;

	if (q->class.n)
		return fault_set(f, ERR_BAD_FIELD, "#/class", "give uuids or a class, not both");
	if (js_given(t, q, "count") && q->count != (int64_t)q->uuids.n)
		return fault_set(f, ERR_BAD_FIELD, "#/count", "%u devices are named", (unsigned)q->uuids.n);
	if (js_given(t, q, "per_node") && q->per_node != 1)
		return fault_set(f, ERR_BAD_FIELD, "#/per_node", "devices that are named stand where they stand");
	for (uint32_t i = 0; i < q->uuids.n; i++)
		for (uint32_t k = 0; k < i; k++)
			if (str_eq(q->uuids.v[i], q->uuids.v[k]))
				return fault_set(f, ERR_BAD_FIELD, "#/uuids", "a device is named twice");
	return ERR_OK;
}

err reservation_request_check(const reservation_request *q, fault *f)
{
	if (q->uuids.n)
		return uuids_check(q, f);
	if (!q->class.n)
		return fault_set(f, ERR_MISSING_FIELD, "#/class", "name a class, or the devices by their uuids");
	if (q->count % q->per_node)
		return fault_set(
			f, ERR_BAD_FIELD, "#/count", "must be a multiple of per_node, %lld", (long long)q->per_node);
	return ERR_OK;
}
