/* asked: a share as flags on a command line, the same for `run` and for `region`. */
#pragma once
#include "agents/node/share.h"
#include "base/setting.h"

typedef struct asked {
	int64_t memory_mib, compute_milli;
	const char *priority, *device;
	bool lend, oversubscribe;
	const char *driver, *nvml;
} asked;

/* Rows of a setting table for a struct whose member `asked` is this one. */
#define ASKED_ROWS(T)                                                                                                    \
	{.name = "memory-mib",                                                                                           \
		.kind = SETTING_I64,                                                                                     \
		.at = offsetof(T, asked.memory_mib),                                                                     \
		.initial = "0",                                                                                          \
		.min = 0,                                                                                                \
		.max = SHARE_MEMORY_MIB_MAX,                                                                             \
		.help = "Device memory of all its processes together, in MiB; 0: no limit."},                            \
		{.name = "compute-milli",                                                                                \
			.kind = SETTING_I64,                                                                             \
			.at = offsetof(T, asked.compute_milli),                                                          \
			.initial = "0",                                                                                  \
			.min = 0,                                                                                        \
			.max = LIMITS_WHOLE,                                                                             \
			.help = "Device time, in thousandths of the device; 0 and 1000: no limit."},                     \
		{.name = "priority",                                                                                     \
			.kind = SETTING_TEXT,                                                                            \
			.at = offsetof(T, asked.priority),                                                               \
			.initial = "high",                                                                               \
			.help = "high, or low: it waits while work of high priority is on the device."},                 \
		{.name = "device",                                                                                       \
			.kind = SETTING_TEXT,                                                                            \
			.at = offsetof(T, asked.device),                                                                 \
			.help = "Which device, by index or UUID (GPU-...). Absent: each device, with the same limits."}, \
		{.name = "lend",                                                                                         \
			.kind = SETTING_BOOL,                                                                            \
			.at = offsetof(T, asked.lend),                                                                   \
			.help = "Use device time that neighbours leave; else the share is a hard cap."},                 \
		{.name = "oversubscribe",                                                                                \
			.kind = SETTING_BOOL,                                                                            \
			.at = offsetof(T, asked.oversubscribe),                                                          \
			.help = "Memory over the limit becomes managed memory instead of being refused."},               \
		{.name = "driver",                                                                                       \
			.kind = SETTING_TEXT,                                                                            \
			.at = offsetof(T, asked.driver),                                                                 \
			.help = "The real libcuda.so.1, where it is not in a usual place."},                             \
	{                                                                                                                \
		.name = "nvml", .kind = SETTING_TEXT, .at = offsetof(T, asked.nvml),                                     \
		.help = "The real libnvidia-ml.so.1, likewise."                                                          \
	}

/* The limits asked for. ERR_SETTING names the flag. */
err asked_limits(const asked *a, limits *ret, fault *f) MUST_CHECK;
/* The same on limits that programs go by: what can change is changed. */
err asked_change(const asked *a, limits *l, fault *f) MUST_CHECK;
