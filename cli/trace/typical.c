#include "cli/trace/typical.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cli/trace/csv.h"

enum { PATH_BYTES = 4096, COVERED_PERCENT = 95 };

/* Pods that ask the same. */
typedef struct group {
	typical_pod pod;
	int64_t n;
} group;
typedef vec(group) groups;

static int compare(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

static int pod_order(const typical_pod *a, const typical_pod *b)
{
	int o = compare(a->cpu_milli, b->cpu_milli);

	if (!o)
		o = compare(a->gpu_milli, b->gpu_milli);
	if (!o)
		o = compare(a->gpus, b->gpus);
	return o ? o : str_cmp(a->spec, b->spec);
}

static int by_pod(const void *a, const void *b)
{
	return pod_order(&((const group *)a)->pod, &((const group *)b)->pod);
}

/* Most frequent first, of equals the larger. */
static int by_count(const void *a, const void *b)
{
	const group *x = a, *y = b;
	int o = compare(y->n, x->n);

	return o ? o : pod_order(&y->pod, &x->pod);
}

static void groups_count(const trace *t, groups *ret)
{
	uint32_t n = 0;

	vec_reserve(ret, t->pods.n);
	for (uint32_t i = 0; i < t->pods.n; i++) {
		const trace_pod *p = &t->pods.v[i];
		typical_pod pod = {0, p->cpu_milli, p->gpu_milli, p->gpus, p->spec.p ? p->spec : S("")};
		vec_push(ret, ((group){pod, 1}));
	}
	qsort(ret->v, ret->n, sizeof(group), by_pod);
	for (uint32_t i = 0; i < ret->n; i++) {
		if (n && pod_order(&ret->v[n - 1].pod, &ret->v[i].pod) == 0)
			ret->v[n - 1].n++;
		else
			ret->v[n++] = ret->v[i];
	}
	ret->n = n;
	qsort(ret->v, ret->n, sizeof(group), by_count);
}

static void count(typical *t, const trace *of)
{
	double need = (double)COVERED_PERCENT * of->pods.n / 100.0, covered = 0;
	groups all = {0};

	groups_count(of, &all);
	for (uint32_t i = 0; i < all.n && covered < need && i < TYPICAL_COUNTED_MAX; i++) {
		typical_pod pod = all.v[i].pod;
		covered += (double)all.v[i].n;
		pod.share = (double)all.v[i].n / of->pods.n;
		vec_push(&t->pods, pod);
	}
	if (t->pods.n < all.n)
		vec_each (pod, &t->pods)
			pod->share /= covered / of->pods.n;
	t->is_counted = true;
	vec_done(&all);
}

static err row_read(typical *t, const csv *c, fault *f)
{
	typical_pod p = {.spec = csv_text(c, "gpu_spec")};
	err e = csv_double(c, "share", &p.share, f);

	if (!e)
		e = csv_i64(c, "cpu_milli", &p.cpu_milli, f);
	if (!e)
		e = csv_i64(c, "gpu_milli", &p.gpu_milli, f);
	if (!e)
		e = csv_i64(c, "num_gpu", &p.gpus, f);
	bool is_sane = p.share >= 0 && p.cpu_milli >= 0 && p.cpu_milli <= TRACE_AMOUNT_MAX && p.gpu_milli >= 0 &&
		       p.gpu_milli <= TRACE_GPU_MILLI && p.gpus >= 0 && p.gpus <= TRACE_POD_GPUS_MAX;
	if (!e && !is_sane)
		e = fault_set(f, ERR_BAD_FIELD, NULL, "%s line %u: a value is out of range", c->path, c->line);
	if (!e)
		vec_push(&t->pods, p);
	return e;
}

static err file_read(typical *t, arena *a, const char *path, fault *f)
{
	csv c;
	err e = csv_open(&c, a, path, f);

	if (!e)
		e = csv_need(&c, "share cpu_milli gpu_milli num_gpu gpu_spec", f);
	while (!e && csv_next(&c)) {
		e = csv_check(&c, f);
		if (!e)
			e = row_read(t, &c, f);
	}
	return e;
}

err typical_read(typical *t, arena *a, const trace *of, const char *path, fault *f)
{
	char beside[PATH_BYTES];
	const char *slash = strrchr(of->pods_file, '/');
	int folder_n = slash ? (int)(slash + 1 - of->pods_file) : 0;

	memset(t, 0, sizeof(*t));
	if (*path)
		return file_read(t, a, path, f);
	snprintf(beside, sizeof(beside), "%.*stypical.csv", folder_n, of->pods_file);
	if (access(beside, F_OK) == 0)
		return file_read(t, a, str_z(a, str_from(beside)), f);
	count(t, of);
	return ERR_OK;
}

void typical_done(typical *t)
{
	vec_done(&t->pods);
}
