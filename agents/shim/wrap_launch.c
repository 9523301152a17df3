#include "shim/wrapped.h"

#include "shim/driver.h"
#include "shim/gate.h"
#include "shim/graph.h"

static gate_stream stream_plain(CUstream stream)
{
	return (gate_stream){stream, DRIVER(cuEventRecord), DRIVER(cuStreamIsCapturing)};
}

static gate_stream stream_own(CUstream stream)
{
	return (gate_stream){stream, DRIVER(cuEventRecord_ptsz), DRIVER(cuStreamIsCapturing_ptsz)};
}

/* What does not pass at its entry (entry.h), and graphs. The thread may have credit; else the launch goes through the
 * gate. The first launch of a process finds no self; it may be that nothing holds it back. What has paid is still on
 * the stack while the driver works, or what that calls would pay again.
 */
#define LAUNCH_QUICK(key_value, call)                                                                                  \
	do {                                                                                                           \
		self *s_ = atomic_load_explicit(&self_here.self, memory_order_acquire);                                \
		if (s_ && !atomic_load_explicit(&s_->limits->gates, memory_order_relaxed))                             \
			return call;                                                                                   \
		if (s_ && gate_quick(key_value)) {                                                                     \
			CUresult answer_ = call;                                                                       \
			__asm__ volatile("");                                                                          \
			return answer_;                                                                                \
		}                                                                                                      \
	} while (0)

#define LAUNCH_SLOW(on, key_value, call)                                                                               \
	do {                                                                                                           \
		self *s_ = self_get();                                                                                 \
		if (!atomic_load_explicit(&s_->limits->gates, memory_order_relaxed))                                   \
			return call;                                                                                   \
		gate_stream on_ = on;                                                                                  \
		gate_pass pass_;                                                                                       \
		gate_enter(s_, key_value, &on_, &pass_);                                                               \
		CUresult answer_ = call;                                                                               \
		gate_leave(s_, &on_, &pass_, answer_);                                                                 \
		return answer_;                                                                                        \
	} while (0)

#define LAUNCH(symbol)                                                                                                 \
	__typeof__(symbol) launch_##symbol;                                                                            \
	CUresult launch_##symbol

#define KERNEL_PARAMETERS                                                                                              \
	CUfunction f, unsigned int gx, unsigned int gy, unsigned int gz, unsigned int bx, unsigned int by,             \
		unsigned int bz, unsigned int shared, CUstream stream, void **params
#define KERNEL_ARGUMENTS f, gx, gy, gz, bx, by, bz, shared, stream, params

static __attribute__((noinline)) CUresult kernel_gated(KERNEL_PARAMETERS, void **extra)
{
	LAUNCH_SLOW(stream_plain(stream), cost_key(f, gx, gy, gz), DRIVER(cuLaunchKernel)(KERNEL_ARGUMENTS, extra));
}

LAUNCH(cuLaunchKernel)(KERNEL_PARAMETERS, void **extra)
{
	LAUNCH_QUICK(cost_key(f, gx, gy, gz), DRIVER(cuLaunchKernel)(KERNEL_ARGUMENTS, extra));
	return kernel_gated(KERNEL_ARGUMENTS, extra);
}

static __attribute__((noinline)) CUresult kernel_own_gated(KERNEL_PARAMETERS, void **extra)
{
	LAUNCH_SLOW(stream_own(stream), cost_key(f, gx, gy, gz), DRIVER(cuLaunchKernel_ptsz)(KERNEL_ARGUMENTS, extra));
}

LAUNCH(cuLaunchKernel_ptsz)(KERNEL_PARAMETERS, void **extra)
{
	LAUNCH_QUICK(cost_key(f, gx, gy, gz), DRIVER(cuLaunchKernel_ptsz)(KERNEL_ARGUMENTS, extra));
	return kernel_own_gated(KERNEL_ARGUMENTS, extra);
}

static uint64_t config_key(const CUlaunchConfig *config, CUfunction f)
{
	return cost_key(f, config->gridDimX, config->gridDimY, config->gridDimZ);
}

LAUNCH(cuLaunchKernelEx)(const CUlaunchConfig *config, CUfunction f, void **params, void **extra)
{
	if (!config)
		return self_get(), DRIVER(cuLaunchKernelEx)(config, f, params, extra);
	LAUNCH_QUICK(config_key(config, f), DRIVER(cuLaunchKernelEx)(config, f, params, extra));
	LAUNCH_SLOW(stream_plain(config->hStream), config_key(config, f),
		DRIVER(cuLaunchKernelEx)(config, f, params, extra));
}

LAUNCH(cuLaunchKernelEx_ptsz)(const CUlaunchConfig *config, CUfunction f, void **params, void **extra)
{
	if (!config)
		return self_get(), DRIVER(cuLaunchKernelEx_ptsz)(config, f, params, extra);
	LAUNCH_QUICK(config_key(config, f), DRIVER(cuLaunchKernelEx_ptsz)(config, f, params, extra));
	LAUNCH_SLOW(stream_own(config->hStream), config_key(config, f),
		DRIVER(cuLaunchKernelEx_ptsz)(config, f, params, extra));
}

LAUNCH(cuLaunchCooperativeKernel)(KERNEL_PARAMETERS)
{
	LAUNCH_QUICK(cost_key(f, gx, gy, gz), DRIVER(cuLaunchCooperativeKernel)(KERNEL_ARGUMENTS));
	LAUNCH_SLOW(stream_plain(stream), cost_key(f, gx, gy, gz), DRIVER(cuLaunchCooperativeKernel)(KERNEL_ARGUMENTS));
}

LAUNCH(cuLaunchCooperativeKernel_ptsz)(KERNEL_PARAMETERS)
{
	LAUNCH_QUICK(cost_key(f, gx, gy, gz), DRIVER(cuLaunchCooperativeKernel_ptsz)(KERNEL_ARGUMENTS));
	LAUNCH_SLOW(
		stream_own(stream), cost_key(f, gx, gy, gz), DRIVER(cuLaunchCooperativeKernel_ptsz)(KERNEL_ARGUMENTS));
}

/* One launch on several devices; charged by the first of the list. */
LAUNCH(cuLaunchCooperativeKernelMultiDevice)(CUDA_LAUNCH_PARAMS *list, unsigned int count, unsigned int flags)
{
	if (!list || count == 0)
		return self_get(), DRIVER(cuLaunchCooperativeKernelMultiDevice)(list, count, flags);
	LAUNCH_SLOW(stream_plain(list->hStream),
		cost_key(list->function, list->gridDimX, list->gridDimY, list->gridDimZ),
		DRIVER(cuLaunchCooperativeKernelMultiDevice)(list, count, flags));
}

LAUNCH(cuLaunch)(CUfunction f)
{
	LAUNCH_QUICK(cost_key(f, 1, 1, 1), DRIVER(cuLaunch)(f));
	LAUNCH_SLOW(stream_plain(NULL), cost_key(f, 1, 1, 1), DRIVER(cuLaunch)(f));
}

static uint64_t grid_key(CUfunction f, int width, int height)
{
	return cost_key(f, (unsigned)width, (unsigned)height, 1);
}

LAUNCH(cuLaunchGrid)(CUfunction f, int width, int height)
{
	LAUNCH_QUICK(grid_key(f, width, height), DRIVER(cuLaunchGrid)(f, width, height));
	LAUNCH_SLOW(stream_plain(NULL), grid_key(f, width, height), DRIVER(cuLaunchGrid)(f, width, height));
}

LAUNCH(cuLaunchGridAsync)(CUfunction f, int width, int height, CUstream stream)
{
	LAUNCH_QUICK(grid_key(f, width, height), DRIVER(cuLaunchGridAsync)(f, width, height, stream));
	LAUNCH_SLOW(
		stream_plain(stream), grid_key(f, width, height), DRIVER(cuLaunchGridAsync)(f, width, height, stream));
}

static bool graph_may_run(CUgraphExec exec)
{
	self *s = self_get();
	return !atomic_load_explicit(&s->graphs, memory_order_relaxed) || graph_pay(s, exec);
}

CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
	if (UNLIKELY(!graph_may_run(exec)))
		return CUDA_ERROR_OUT_OF_MEMORY;
	LAUNCH_QUICK(cost_key(exec, 1, 1, 1), DRIVER(cuGraphLaunch)(exec, stream));
	LAUNCH_SLOW(stream_plain(stream), cost_key(exec, 1, 1, 1), DRIVER(cuGraphLaunch)(exec, stream));
}

CUresult cuGraphLaunch_ptsz(CUgraphExec exec, CUstream stream)
{
	if (UNLIKELY(!graph_may_run(exec)))
		return CUDA_ERROR_OUT_OF_MEMORY;
	LAUNCH_QUICK(cost_key(exec, 1, 1, 1), DRIVER(cuGraphLaunch_ptsz)(exec, stream));
	LAUNCH_SLOW(stream_own(stream), cost_key(exec, 1, 1, 1), DRIVER(cuGraphLaunch_ptsz)(exec, stream));
}
