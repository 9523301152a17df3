#include "shim/visible.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shim/driver.h"
#include "shim/self.h"
#include "shim/wrap.h"

static int visible_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

bool visible_uuid(const char *text, uint8_t *ret_uuid)
{
	unsigned digits = 0;
	uint8_t uuid[16] = {0};
	const char *at = strchr(text, '-');
	for (; at && *at && digits < 32; at++) {
		int digit = visible_digit(*at);
		if (digit >= 0) {
			uuid[digits / 2] = (uint8_t)(uuid[digits / 2] << 4 | digit);
			digits++;
		} else if (*at != '-') {
			return false;
		}
	}
	if (digits == 32)
		memcpy(ret_uuid, uuid, sizeof uuid);
	return digits == 32;
}

typedef struct visible_driver {
	__typeof__(&cuDeviceGetCount) count;
	__typeof__(&cuDeviceGetUuid) uuid;
} visible_driver;

/* In NVML's place alone the shim has opened no driver: another library has, if the program uses one at all. */
static bool visible_find(visible_driver *ret)
{
	void *other = atomic_load(&self_here.self) ? NULL : driver_beside();
	if (other) {
		ret->count = (__typeof__(&cuDeviceGetCount))driver_dlsym(other, "cuDeviceGetCount");
		ret->uuid = (__typeof__(&cuDeviceGetUuid))driver_dlsym(other, "cuDeviceGetUuid_v2");
		if (!ret->uuid)
			ret->uuid = (__typeof__(&cuDeviceGetUuid))driver_dlsym(other, "cuDeviceGetUuid");
		return ret->count && ret->uuid;
	}
	ret->count = DRIVER(cuDeviceGetCount);
	ret->uuid = driver_has(AT_cuDeviceGetUuid_v2) ? DRIVER(cuDeviceGetUuid_v2) : DRIVER(cuDeviceGetUuid);
	return atomic_load(&self_here.self);
}

/* By what the driver says, once it has been started. */
static int visible_asked(const uint8_t *uuid)
{
	CUuuid own;
	int count;
	visible_driver driver;
	if (!visible_find(&driver) || driver.count(&count) != CUDA_SUCCESS)
		return -2;
	for (int ordinal = 0; ordinal < count; ordinal++) {
		CUresult answer = driver.uuid(&own, ordinal);
		if (answer == CUDA_SUCCESS && memcmp(own.bytes, uuid, sizeof own.bytes) == 0)
			return ordinal;
	}
	return -1;
}

static bool visible_names(const char *item, size_t n, const uint8_t *uuid, unsigned index)
{
	char text[64];
	char *end;
	uint8_t named[16];
	if (n == 0 || n >= sizeof text)
		return false;
	memcpy(text, item, n);
	text[n] = 0;
	if (visible_uuid(text, named))
		return uuid && memcmp(named, uuid, sizeof named) == 0;
	return strtoul(text, &end, 10) == index && *end == 0;
}

int visible_ordinal(const uint8_t *uuid, unsigned index)
{
	int asked = uuid ? visible_asked(uuid) : -2;
	if (asked != -2)
		return asked;
	const char *at = getenv("CUDA_VISIBLE_DEVICES");
	if (!at)
		return (int)index;
	for (int ordinal = 0; *at; ordinal++) {
		size_t n = strcspn(at, ",");
		if (visible_names(at, n, uuid, index))
			return ordinal;
		at += n + (at[n] == ',');
	}
	return -1;
}

uint64_t visible_now_us(void)
{
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}
