#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "cli/replay/trace.h"

enum { PATH_BYTES = 4096, COVERED_PERCENT = 95 };

/* Pods of one shape. Memory is no part of it (the study's definition, reference placement 1.5). */
typedef struct shape {
	int64_t cpu_milli, gpu_milli, gpus;
	str spec;
	int64_t n;
} shape;
typedef vec(shape) shapes;

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

static err nodes_write(const trace *t, const char *folder, fault *f)
{
	FILE *out = file_begin(folder, "nodes.csv", "rank,sn,cpu_milli,memory_mib,gpu,model", f);

	if (!out)
		return ERR_IO;
	for (uint32_t i = 0; i < t->nodes.n; i++) {
		const trace_node *n = &t->nodes.v[i];
		fprintf(out, "%u," STR_FMT ",%lld,%lld,%lld," STR_FMT "\n", i, STR_ARG(n->name),
			(long long)n->cpu_milli, (long long)n->memory_mib, (long long)n->gpus, STR_ARG(n->model));
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
		fprintf(out, "%u," STR_FMT ",%lld,%lld,%lld,%lld," STR_FMT, i, STR_ARG(p->name),
			(long long)p->cpu_milli, (long long)p->memory_mib, (long long)p->gpus, (long long)p->gpu_milli,
			STR_ARG(p->spec));
		if (t->is_timed)
			fprintf(out, ",%.17g,%.17g", p->arrive_s, p->life_s);
		fputc('\n', out);
	}
	return file_end(out, "pods.csv", f);
}

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int shape_order(const shape *a, const shape *b)
{
	int o = compare(a->cpu_milli, b->cpu_milli);

	if (!o)
		o = compare(a->gpu_milli, b->gpu_milli);
	if (!o)
		o = compare(a->gpus, b->gpus);
	return o ? o : str_cmp(a->spec, b->spec);
}

static int by_shape(const void *a, const void *b)
{
	return shape_order(a, b);
}

/* Most frequent first, of equals the larger shape. */
static int by_count(const void *a, const void *b)
{
	const shape *x = a, *y = b;
	int o = compare(y->n, x->n);

	return o ? o : shape_order(y, x);
}

static void shapes_count(const trace *t, shapes *ret)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < t->pods.n; i++) {
		const trace_pod *p = &t->pods.v[i];
		vec_push(ret, ((shape){p->cpu_milli, p->gpu_milli, p->gpus, p->spec.p ? p->spec : S(""), 1}));
	}
	qsort(ret->v, ret->n, sizeof(shape), by_shape);
	for (uint32_t i = 0; i < ret->n; i++) {
		if (n && shape_order(&ret->v[n - 1], &ret->v[i]) == 0)
			ret->v[n - 1].n++;
		else
			ret->v[n++] = ret->v[i];
	}
	ret->n = n;
	qsort(ret->v, ret->n, sizeof(shape), by_count);
}

static uint32_t shapes_cut(const shapes *all, uint32_t pods, double *ret_covered)
{
	double need = (double)COVERED_PERCENT * pods / 100.0, covered = 0;
	uint32_t n = 0;

	while (n < all->n && covered < need)
		covered += (double)all->v[n++].n;
	*ret_covered = covered / pods;
	return n;
}

static err typical_write(const trace *t, const char *folder, fault *f)
{
	FILE *out = file_begin(folder, "typical.csv", "share,cpu_milli,gpu_milli,num_gpu,gpu_spec", f);
	shapes all = {0};
	double covered;

	if (!out)
		return ERR_IO;
	shapes_count(t, &all);
	uint32_t n = shapes_cut(&all, t->pods.n, &covered);
	for (uint32_t i = 0; i < n; i++) {
		const shape *s = &all.v[i];
		double share = (double)s->n / t->pods.n;
		fprintf(out, "%.17g,%lld,%lld,%lld," STR_FMT "\n", n < all.n ? share / covered : share,
			(long long)s->cpu_milli, (long long)s->gpu_milli, (long long)s->gpus, STR_ARG(s->spec));
	}
	vec_done(&all);
	return file_end(out, "typical.csv", f);
}

/* The file beside the pods file, opened; NULL when there is none. */
static FILE *typical_beside(const trace *t)
{
	char path[PATH_BYTES];
	const char *slash = strrchr(t->pods_file, '/');
	int folder_n = slash ? (int)(slash + 1 - t->pods_file) : 0;

	snprintf(path, sizeof(path), "%.*stypical.csv", folder_n, t->pods_file);
	return fopen(path, "re");
}

static err typical_copy(FILE *in, const char *folder, fault *f)
{
	char header[512], block[4096];
	FILE *out = NULL;
	size_t n;

	if (fgets(header, sizeof(header), in)) {
		header[strcspn(header, "\r\n")] = 0;
		out = file_begin(folder, "typical.csv.new", header, f);
	}
	if (!out)
		return ERR_IO;
	while ((n = fread(block, 1, sizeof(block), in)) > 0)
		fwrite(block, 1, n, out);
	err e = file_end(out, "typical.csv", f);
	snprintf(header, sizeof(header), "%.200s/typical.csv.new", folder);
	snprintf(block, sizeof(block), "%.200s/typical.csv", folder);
	return e || rename(header, block) == 0
		       ? e
		       : fault_set(f, ERR_IO, NULL, "cannot write %s: %s", block, strerror(errno));
}

err trace_write(const trace *t, const char *folder, fault *f)
{
	FILE *typical = typical_beside(t);
	err e = nodes_write(t, folder, f);

	if (!e)
		e = pods_write(t, folder, f);
	if (!e)
		e = typical ? typical_copy(typical, folder, f) : typical_write(t, folder, f);
	if (typical)
		fclose(typical);
	return e;
}
