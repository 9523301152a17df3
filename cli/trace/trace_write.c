#include <errno.h>
#include <stdio.h>

#include "cli/trace/typical.h"

enum { PATH_BYTES = 4096 };

static FILE *file_begin(const char *folder, const char *name, const char *header, fault *f)
{
	char path[PATH_BYTES];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *out = fopen(path, "we");
	if (!out)
		fault_set(f, ERR_IO, NULL, "cannot write %s: %s", path, strerror(errno));
	else
		fprintf(out, "%s\n", header);
	return out;
}

static err file_end(FILE *out, const char *name, fault *f)
{
	return fclose(out) == 0 ? ERR_OK : fault_set(f, ERR_IO, NULL, "cannot write %s: %s", name, strerror(errno));
}

static void text_write(FILE *out, str s)
{
	if (str_find(s, ',', 0) < 0 && str_find(s, '"', 0) < 0) {
		fprintf(out, STR_FMT, STR_ARG(s));
		return;
	}
	fputc('"', out);
	for (uint32_t i = 0; i < s.n; i++) {
		if (s.p[i] == '"')
			fputc('"', out);
		fputc(s.p[i], out);
	}
	fputc('"', out);
}

static err nodes_write(const trace *t, const char *folder, fault *f)
{
	FILE *out = file_begin(folder, "nodes.csv", "rank,sn,cpu_milli,memory_mib,gpu,model", f);

	if (!out)
		return ERR_IO;
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		const trace_node *n = &t->nodes.v[i];
		fprintf(out, "%u," STR_FMT ",%lld,%lld,%lld,", i, STR_ARG(n->name), (long long)n->cpu_milli,
			(long long)n->memory_mib, (long long)n->gpus);
		text_write(out, n->model);
		fputc('\n', out);
	}
	return file_end(out, "nodes.csv", f);
}

static err pods_write(const trace *t, const char *folder, fault *f)
{
	const char *header = t->is_timed ? "seq,name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,arrive_s,life_s"
					 : "seq,name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec";
	FILE *out = file_begin(folder, "pods.csv", header, f);

	if (!out)
		return ERR_IO;
	for (uint32_t i = 0; i < t->pods.n; i++) {
		const trace_pod *p = &t->pods.v[i];
		fprintf(out, "%u,", i);
		text_write(out, p->name);
		fprintf(out, ",%lld,%lld,%lld,%lld,", (long long)p->cpu_milli, (long long)p->memory_mib,
			(long long)p->gpus, (long long)p->gpu_milli);
		text_write(out, p->spec);
		if (t->is_timed)
			fprintf(out, ",%.17g,%.17g", p->arrive_s, p->life_s);
		fputc('\n', out);
	}
	return file_end(out, "pods.csv", f);
}

static err typical_write(const trace *t, const char *folder, fault *f)
{
	AUTO_ARENA a = arena_new(0);
	typical mix;
	err e = typical_read(&mix, a, t, "", f);
	FILE *out = e ? NULL : file_begin(folder, "typical.csv", "share,cpu_milli,gpu_milli,num_gpu,gpu_spec", f);

	for (uint32_t i = 0; out && i < mix.pods.n; i++) {
		const typical_pod *p = &mix.pods.v[i];
		fprintf(out, "%.17g,%lld,%lld,%lld,", p->share, (long long)p->cpu_milli, (long long)p->gpu_milli,
			(long long)p->gpus);
		text_write(out, p->spec);
		fputc('\n', out);
	}
	typical_done(&mix);
	if (e)
		return e;
	return out ? file_end(out, "typical.csv", f) : ERR_IO;
}

err trace_write(const trace *t, const char *folder, fault *f)
{
	err e = nodes_write(t, folder, f);

	if (!e)
		e = pods_write(t, folder, f);
	return e ? e : typical_write(t, folder, f);
}
