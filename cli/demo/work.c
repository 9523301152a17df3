#include "cli/demo/work.h"

#include "json/write.h"

static void devices_write(js_writer *j, const work *w)
{
	js_object_begin(j);
	js_put_i64(j, "count", w->count);
	js_key(j, S("classes"));
	js_array_begin(j);
	for (int i = 0; i < WORK_CLASSES_MAX && w->classes[i]; i++)
		js_text(j, str_from(w->classes[i]));
	js_array_end(j);
	if (w->memory_mib)
		js_put_i64(j, "memory_mib", w->memory_mib);
	if (w->memory_percent)
		js_put_i64(j, "memory_percent", w->memory_percent);
	if (w->compute_milli)
		js_put_i64(j, "compute_milli", w->compute_milli);
	js_object_end(j);
}

static void label_write(js_writer *j, int64_t runtime_ms)
{
	char text[24];
	buf b;

	buf_init(&b, sizeof(text));
	buf_add_i64(&b, runtime_ms);
	js_key(j, S("labels"));
	js_object_begin(j);
	js_put_text(j, "simulate/runtime_ms", buf_str(&b));
	js_object_end(j);
	buf_done(&b);
}

void work_body(const work *w, const char *name, int64_t runtime_ms, buf *out)
{
	js_writer j = js_writer_on(out);

	js_object_begin(&j);
	js_put_text(&j, "tenant", str_from(cast_tenants[w->who].path));
	js_put_text(&j, "name", str_from(*name ? name : w->name));
	if (w->is_impatient)
		js_put_bool(&j, "queue", false);
	js_put_i64(&j, "replicas", work_replicas(w));
	js_key(&j, S("devices"));
	js_array_begin(&j);
	if (w->count)
		devices_write(&j, w);
	js_array_end(&j);
	js_key(&j, S("host"));
	js_object_begin(&j);
	js_put_i64(&j, "cpu_milli", w->cpu_milli);
	js_put_i64(&j, "memory_mib", w->host_memory_mib);
	js_object_end(&j);
	if (w->node_policy)
		js_put_text(&j, "node_policy", str_from(w->node_policy));
	if (w->max_runtime_s)
		js_put_i64(&j, "max_runtime_s", w->max_runtime_s);
	label_write(&j, runtime_ms);
	js_object_end(&j);
}

int64_t work_memory_mib(const work *w, str class)
{
	int64_t whole = cast_device_memory_mib(class);

	if (w->memory_percent)
		return share_memory_mib(w->memory_percent, whole);
	return w->memory_mib ? w->memory_mib : whole;
}

int64_t work_compute_milli(const work *w)
{
	bool is_whole = !w->memory_mib && !w->memory_percent;

	return w->compute_milli || !is_whole ? w->compute_milli : SHARE_WHOLE_MILLI;
}

int64_t work_replicas(const work *w)
{
	return w->replicas ? w->replicas : 1;
}

amounts work_charge(const work *w, str class)
{
	if (!w->count)
		return (amounts){{0}};
	return share_of_slice(work_memory_mib(w, class), work_compute_milli(w), cast_device_memory_mib(class),
		w->count * work_replicas(w));
}
