#include "shim/wrapped.h"

#include "shim/array.h"
#include "shim/driver.h"
#include "shim/memory.h"
#include "shim/pool.h"

/* A piece of memory about to be made: who pays, and for what. */
typedef struct purchase {
	self *self;
	unsigned device;
	uint64_t bytes;
	bool paid;
} purchase;

/* False: over the limit. A thread without a context pays nothing, and the driver will refuse it. */
static inline bool purchase_open(purchase *p, uint64_t bytes)
{
	unsigned device;
	*p = (purchase){.self = self_get(), .bytes = bytes};
	if (!self_device(p->self, &device))
		return true;
	p->device = device; /* all of it in registers */
	p->paid = memory_take(p->self, p->device, bytes);
	return p->paid;
}

/* The driver's answer is in: what it made is entered, what it refused is given back. */
static CUresult purchase_close(purchase *p, CUresult answer, holding_kind kind, uint64_t key)
{
	if (!p->paid)
		return answer;
	if (answer != CUDA_SUCCESS) {
		memory_give(p->self, p->device, p->bytes);
		return answer;
	}
	holding entry = {.kind = (uint8_t)kind,
		.key = key,
		.bytes = p->bytes,
		.device = (uint8_t)p->device,
		.of = (uint64_t)(uintptr_t)self_context()};
	holding_put(p->self->holdings, &entry);
	return answer;
}

/* The same for plain memory. */
static inline __attribute__((always_inline)) CUresult purchase_close_memory(
	const purchase *p, CUresult answer, CUdeviceptr dptr)
{
	if (!p->paid)
		return answer;
	if (answer == CUDA_SUCCESS)
		piece_put(p->self->pieces, dptr, (piece){p->bytes, p->device, self_context_number()});
	else
		memory_give(p->self, p->device, p->bytes);
	return answer;
}

static bool purchase_oversubscribes(const purchase *p)
{
	return p->self->limits->flags & LIMITS_OVERSUBSCRIBE;
}

/* Over the limit, or over what the device has, and allowed to be: the driver moves managed memory out of the device
 * when it is short.
 */
static CUresult alloc_managed_beyond(CUdeviceptr *dptr, size_t bytes)
{
	return DRIVER(cuMemAllocManaged)(dptr, bytes, CU_MEM_ATTACH_GLOBAL);
}

CUresult cuMemAlloc_v2(CUdeviceptr *dptr, size_t bytes)
{
	purchase p;
	if (!purchase_open(&p, bytes))
		return purchase_oversubscribes(&p) ? alloc_managed_beyond(dptr, bytes) : CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuMemAlloc_v2)(dptr, bytes);
	if (UNLIKELY(answer == CUDA_ERROR_OUT_OF_MEMORY) && purchase_oversubscribes(&p))
		answer = alloc_managed_beyond(dptr, bytes);
	return purchase_close_memory(&p, answer, answer == CUDA_SUCCESS ? *dptr : 0);
}

CUresult cuMemAlloc(unsigned int *dptr, unsigned int bytes)
{
	purchase p;
	if (!purchase_open(&p, bytes))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuMemAlloc)(dptr, bytes);
	return purchase_close_memory(&p, answer, answer == CUDA_SUCCESS ? *dptr : 0);
}

CUresult cuMemAllocManaged(CUdeviceptr *dptr, size_t bytes, unsigned int flags)
{
	purchase p;
	if (!purchase_open(&p, bytes))
		return purchase_oversubscribes(&p) ? DRIVER(cuMemAllocManaged)(dptr, bytes, flags)
						   : CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuMemAllocManaged)(dptr, bytes, flags);
	return purchase_close_memory(&p, answer, answer == CUDA_SUCCESS ? *dptr : 0);
}

static uint64_t pitch_bytes(uint64_t pitch, uint64_t height)
{
	uint64_t bytes;
	return __builtin_mul_overflow(pitch, height, &bytes) ? UINT64_MAX : bytes;
}

/* Rows are as long as the driver likes; the difference is paid when it has said how long. */
static CUresult pitch_close(purchase *p, CUresult answer, CUdeviceptr dptr, uint64_t bytes)
{
	if (answer == CUDA_SUCCESS && p->paid && bytes > p->bytes) {
		if (!memory_take(p->self, p->device, bytes - p->bytes)) {
			DRIVER(cuMemFree_v2)(dptr);
			return purchase_close_memory(p, CUDA_ERROR_OUT_OF_MEMORY, 0);
		}
		p->bytes = bytes;
	}
	return purchase_close_memory(p, answer, dptr);
}

CUresult cuMemAllocPitch_v2(CUdeviceptr *dptr, size_t *pitch, size_t width, size_t height, unsigned int element)
{
	purchase p;
	if (!purchase_open(&p, pitch_bytes(width, height)))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuMemAllocPitch_v2)(dptr, pitch, width, height, element);
	bool made = answer == CUDA_SUCCESS;
	return pitch_close(&p, answer, made ? *dptr : 0, made ? pitch_bytes(*pitch, height) : 0);
}

CUresult cuMemAllocPitch(
	unsigned int *dptr, unsigned int *pitch, unsigned int width, unsigned int height, unsigned int element)
{
	purchase p;
	if (!purchase_open(&p, pitch_bytes(width, height)))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuMemAllocPitch)(dptr, pitch, width, height, element);
	bool made = answer == CUDA_SUCCESS;
	return pitch_close(&p, answer, made ? *dptr : 0, made ? pitch_bytes(*pitch, height) : 0);
}

/* Physical memory belongs to a device by number, whatever context is current; on the host it is not ours to count. */
CUresult cuMemCreate(
	CUmemGenericAllocationHandle *handle, size_t size, const CUmemAllocationProp *prop, unsigned long long flags)
{
	self *s = self_get();
	bool ours = prop && !memory_is_host(prop->location.type);
	unsigned device = ours ? self_ordinal(s, prop->location.id) : 0;
	if (ours && !memory_take(s, device, size))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuMemCreate)(handle, size, prop, flags);
	if (!ours)
		return answer;
	if (answer != CUDA_SUCCESS) {
		memory_give(s, device, size);
		return answer;
	}
	holding entry = {.kind = HOLDING_HANDLE, .key = *handle, .bytes = size, .device = (uint8_t)device, .refs = 1};
	holding_put(s->holdings, &entry);
	return answer;
}

CUresult cuArrayCreate_v2(CUarray *array, const CUDA_ARRAY_DESCRIPTOR *desc)
{
	purchase p;
	if (!purchase_open(
		    &p, desc ? array_bytes(desc->Width, desc->Height, 0, desc->Format, desc->NumChannels, 0, 1) : 0))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuArrayCreate_v2)(array, desc);
	return purchase_close(&p, answer, HOLDING_ARRAY, answer == CUDA_SUCCESS ? (uint64_t)(uintptr_t)*array : 0);
}

CUresult cuArrayCreate(CUarray *array, const CUDA_ARRAY_DESCRIPTOR_v1 *desc)
{
	purchase p;
	if (!purchase_open(
		    &p, desc ? array_bytes(desc->Width, desc->Height, 0, desc->Format, desc->NumChannels, 0, 1) : 0))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuArrayCreate)(array, desc);
	return purchase_close(&p, answer, HOLDING_ARRAY, answer == CUDA_SUCCESS ? (uint64_t)(uintptr_t)*array : 0);
}

static uint64_t array_bytes_3d(const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned levels)
{
	return desc ? array_bytes(desc->Width, desc->Height, desc->Depth, desc->Format, desc->NumChannels, desc->Flags,
			      levels)
		    : 0;
}

CUresult cuArray3DCreate_v2(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc)
{
	purchase p;
	if (!purchase_open(&p, array_bytes_3d(desc, 1)))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuArray3DCreate_v2)(array, desc);
	return purchase_close(&p, answer, HOLDING_ARRAY, answer == CUDA_SUCCESS ? (uint64_t)(uintptr_t)*array : 0);
}

CUresult cuArray3DCreate(CUarray *array, const CUDA_ARRAY3D_DESCRIPTOR_v1 *desc)
{
	purchase p;
	uint64_t bytes = desc ? array_bytes(desc->Width, desc->Height, desc->Depth, desc->Format, desc->NumChannels,
					desc->Flags, 1)
			      : 0;
	if (!purchase_open(&p, bytes))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuArray3DCreate)(array, desc);
	return purchase_close(&p, answer, HOLDING_ARRAY, answer == CUDA_SUCCESS ? (uint64_t)(uintptr_t)*array : 0);
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray *array, const CUDA_ARRAY3D_DESCRIPTOR *desc, unsigned int levels)
{
	purchase p;
	if (!purchase_open(&p, array_bytes_3d(desc, levels)))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuMipmappedArrayCreate)(array, desc, levels);
	return purchase_close(&p, answer, HOLDING_MIPMAP, answer == CUDA_SUCCESS ? (uint64_t)(uintptr_t)*array : 0);
}

/* What graphics or another device exports has been paid for by nobody. */
CUresult cuImportExternalMemory(CUexternalMemory *memory, const CUDA_EXTERNAL_MEMORY_HANDLE_DESC *desc)
{
	purchase p;
	if (!purchase_open(&p, desc ? desc->size : 0))
		return CUDA_ERROR_OUT_OF_MEMORY;
	CUresult answer = DRIVER(cuImportExternalMemory)(memory, desc);
	return purchase_close(&p, answer, HOLDING_EXTERNAL, answer == CUDA_SUCCESS ? (uint64_t)(uintptr_t)*memory : 0);
}
