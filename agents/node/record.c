#include "agents/node/record.h"
#include <stdio.h>
#include "json/write.h"

enum { RECORD_BYTES_MAX = 64 << 10 };

typedef struct record_device {
	str uuid;
	int64_t memory_mib, compute_milli;
} record_device;

#define F(...) JS_FIELD(record_device, __VA_ARGS__)
static const js_field record_device_fields[] = {
	F(uuid, JS_OPTIONAL, "Which device.", JS_LEN(0, 63)),
	F(memory_mib, JS_REQUIRED, "0: no limit.", JS_RANGE(0, SHARE_MEMORY_MIB_MAX)),
	F(compute_milli, JS_REQUIRED, "0: no limit.", JS_RANGE(0, LIMITS_WHOLE)),
};
#undef F
static JS_TYPE(record_device, "What was given of a device.");

typedef struct record {
	str id, boot;
	node_owner owner;
	js_list devices; /* of record_device */
	bool is_low, may_borrow, oversubscribes, by_maker;
	str driver, nvml;
	js_time made_at;
	int64_t pid, pid_started;
} record;

#define F(...) JS_FIELD(record, __VA_ARGS__)
static const js_field record_fields[] = {
	F(id, JS_REQUIRED, "Its name.", JS_LEN(1, ALLOCATION_ID_MAX - 1)),
	F(boot, JS_REQUIRED, "Boot of the machine in which its books were begun.", JS_LEN(0, 100)),
	F(owner, JS_REQUIRED, "Whose it is.", JS_OF(node_owner)),
	F(devices, JS_REQUIRED, "What was given.", JS_OF(record_device), JS_ITEMS(1, LIMITS_DEVICES)),
	F(is_low, JS_REQUIRED, "Of low priority."),
	F(may_borrow, JS_REQUIRED, "May use what neighbours leave."),
	F(oversubscribes, JS_REQUIRED, "Memory over the limit is managed memory."),
	F(by_maker, JS_OPTIONAL, "Its devices are told by their maker's CDI file."),
	F(driver, JS_OPTIONAL, "The real libcuda.so.1.", JS_LEN(0, 255)),
	F(nvml, JS_OPTIONAL, "The real libnvidia-ml.so.1.", JS_LEN(0, 255)),
	F(made_at, JS_REQUIRED, "When."),
	F(pid, JS_OPTIONAL, "Of its first process.", JS_RANGE(0, INT32_MAX)),
	F(pid_started, JS_OPTIONAL, "When that began, in ticks since the boot.", JS_RANGE(0, JS_INT_MAX)),
};
#undef F
static JS_TYPE(record, "An allocation.");

static str text_of(const char *z)
{
	return z && *z ? str_from(z) : STR_NONE;
}

str record_write(const allocation *of, str boot, arena *a)
{
	record_device devices[LIMITS_DEVICES];
	record r = {.id = str_from(of->id),
		.boot = boot,
		.owner = allocation_owner(of),
		.devices = {devices, of->n_devices}};
	buf b;

	for (uint32_t d = 0; d < of->n_devices; d++)
		devices[d] = (record_device){
			text_of(of->uuids[d]), of->share.devices[d].memory_mib, of->share.devices[d].compute_milli};
	r.is_low = of->share.is_low;
	r.may_borrow = of->share.may_borrow;
	r.oversubscribes = of->share.oversubscribes;
	r.by_maker = of->by_maker;
	r.driver = text_of(of->driver);
	r.nvml = text_of(of->nvml);
	r.made_at.us = of->made_us;
	r.pid = of->pid;
	r.pid_started = (int64_t)of->pid_started;
	buf_init(&b, RECORD_BYTES_MAX);
	js_writer w = js_writer_on(&b);
	js_write(&w, &record_type, &r);
	str bytes = str_dup(a, buf_str(&b));
	buf_done(&b);
	return bytes;
}

/* A text that is too long is refused, not cut: it names something else then. */
static err text_take(char *out, size_t size, const char *what, str text, fault *f)
{
	if (text.n >= size)
		return fault_set(f, ERR_BAD_FIELD, what, "is longer than %zu bytes", size - 1);
	if (text.n)
		memcpy(out, text.p, text.n);
	out[text.n] = 0;
	return ERR_OK;
}

static bool is_id(str id)
{
	bool is = id.n > 0 && id.p[0] != '.';

	for (uint32_t i = 0; i < id.n; i++) {
		char c = id.p[i];
		is &= (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '.' ||
		      c == '_' || c == '-';
	}
	return is;
}

static err owner_take(const node_owner *o, allocation *ret, fault *f)
{
	const struct {
		char *out;
		size_t size;
		const char *what;
		str text;
	} texts[] = {
		{ret->placement, sizeof(ret->placement), "placement", o->placement},
		{ret->fence, sizeof(ret->fence), "fence", o->fence},
		{ret->pod_uid, sizeof(ret->pod_uid), "pod_uid", o->pod_uid},
		{ret->namespace, sizeof(ret->namespace), "namespace", o->namespace},
		{ret->pod, sizeof(ret->pod), "pod", o->pod},
		{ret->container, sizeof(ret->container), "container", o->container},
	};
	err e = ERR_OK;

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts) && !e; i++)
		e = text_take(texts[i].out, texts[i].size, texts[i].what, texts[i].text, f);
	return e;
}

static err share_take(const share *s, allocation *ret, fault *f)
{
	err e = ERR_OK;

	ret->share = *s;
	ret->n_devices = s->n <= LIMITS_DEVICES ? s->n : 0;
	for (uint32_t d = 0; d < ret->n_devices && !e; d++) {
		e = text_take(ret->uuids[d], sizeof(ret->uuids[d]), "uuid", str_from(s->devices[d].uuid), f);
		ret->share.devices[d].uuid = NULL;
	}
	if (!e)
		e = text_take(ret->driver, sizeof(ret->driver), "driver", str_from(s->driver), f);
	if (!e)
		e = text_take(ret->nvml, sizeof(ret->nvml), "nvml", str_from(s->nvml), f);
	ret->share.driver = ret->share.nvml = NULL;
	return e;
}

err record_take(const allocation_ask *ask, allocation *ret, fault *f)
{
	str id = str_from(ask->id);

	if (!is_id(id))
		return fault_set(f, ERR_BAD_FIELD, "id", "takes letters, digits, '.', '_' and '-'");
	err e = text_take(ret->id, sizeof(ret->id), "id", id, f);
	if (!e)
		e = owner_take(&ask->owner, ret, f);
	if (!e)
		e = share_take(&ask->share, ret, f);
	ret->by_maker = ask->by_maker;
	ret->pid = ask->pid;
	return e;
}

static share share_of(const record *r, arena *a)
{
	const record_device *from = r->devices.v;
	share s = {.n = r->devices.n,
		.is_low = r->is_low,
		.may_borrow = r->may_borrow,
		.oversubscribes = r->oversubscribes};

	for (uint32_t d = 0; d < s.n; d++)
		s.devices[d] = (share_device){
			from[d].uuid.n ? str_z(a, from[d].uuid) : NULL, from[d].memory_mib, from[d].compute_milli};
	s.driver = r->driver.n ? str_z(a, r->driver) : NULL;
	s.nvml = r->nvml.n ? str_z(a, r->nvml) : NULL;
	return s;
}

err record_read(str text, arena *a, allocation *ret, str *ret_boot, fault *f)
{
	record r;
	err e = js_read(&record_type, text, a, &r, f);

	if (e)
		return e;
	allocation_ask ask = {.id = str_z(a, r.id), .owner = r.owner, .share = share_of(&r, a), .pid = r.pid};
	ask.by_maker = r.by_maker;
	e = record_take(&ask, ret, f);
	ret->made_us = r.made_at.us;
	ret->pid_started = (uint64_t)r.pid_started;
	*ret_boot = r.boot;
	return e;
}
