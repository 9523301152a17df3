#include "cli/demo/once.h"

/* Numbers are chosen against the tables of cast.c: vision may use 4 H100, acme 18; 8 L40S stand in two nodes. */
/* clang-format off */
const work once_works[ASKS] = {
	[ASK_WHOLE]     = {.name = "whole", .who = RESEARCH, .classes = {"h100-80g"}, .count = 2, .cpu_milli = 16000, .host_memory_mib = 131072, .runtime_ms = 2500},
	[ASK_SLICE]     = {.name = "slice", .who = VISION, .classes = {"h100-80g"}, .replicas = 3, .count = 1, .memory_mib = 20480, .compute_milli = 300, .cpu_milli = 4000, .host_memory_mib = 16384, .runtime_ms = 2500},
	[ASK_PERCENT]   = {.name = "percent", .who = VISION, .classes = {"ascend910b3"}, .count = 1, .memory_percent = 25, .compute_milli = 200, .runtime_ms = 2500},
	[ASK_THICK]     = {.name = "thick", .who = GLOBEX, .classes = {"l40s"}, .replicas = 2, .count = 1, .memory_percent = 60, .compute_milli = 100, .runtime_ms = 2000},
	[ASK_GANG]      = {.name = "gang", .who = GLOBEX, .classes = {"a100-80g"}, .replicas = 4, .count = 2, .cpu_milli = 16000, .host_memory_mib = 65536, .runtime_ms = 2500},
	[ASK_CPU]       = {.name = "cpu-only", .who = SERVING, .cpu_milli = 8000, .host_memory_mib = 16384, .runtime_ms = 1500},
	[ASK_FALLBACK]  = {.name = "fallback", .who = RESEARCH, .classes = {"h200-141g", "a100-80g"}, .count = 1, .runtime_ms = 1500},
	[ASK_CAPPED]    = {.name = "capped", .who = ACME, .classes = {"a100-80g"}, .count = 1, .max_runtime_s = 2},
	[ASK_INFERENCE] = {.name = "inference", .who = SERVING, .classes = {"h100-80g"}, .count = 1, .memory_mib = 10240, .compute_milli = 200, .cpu_milli = 2000, .host_memory_mib = 8192},
	[ASK_FILL]      = {.name = "fill", .who = VISION, .classes = {"h100-80g"}, .count = 3},
	[ASK_PART]      = {.name = "part", .who = VISION, .classes = {"h100-80g"}, .count = 1, .memory_percent = 50, .compute_milli = 500},
	[ASK_OVER]      = {.name = "over", .who = VISION, .classes = {"h100-80g"}, .count = 1, .runtime_ms = 1500},
	[ASK_SMALL]     = {.name = "small", .who = VISION, .classes = {"h100-80g"}, .count = 1, .memory_percent = 50, .compute_milli = 500},
	[ASK_IMPATIENT] = {.name = "impatient", .who = VISION, .classes = {"h100-80g"}, .count = 1, .is_impatient = true},
	[ASK_BESIDE]    = {.name = "beside", .who = RESEARCH, .classes = {"h100-80g"}, .replicas = 2, .count = 6, .runtime_ms = 2500},
	[ASK_PARENT]    = {.name = "parent", .who = RESEARCH, .classes = {"h100-80g"}, .count = 4, .runtime_ms = 1500},
	[ASK_FRAG]      = {.name = "frag", .who = SERVING, .classes = {"l40s"}, .replicas = 2, .count = 1, .node_policy = "spread"},
	[ASK_SPLIT]     = {.name = "split", .who = GLOBEX, .classes = {"l40s"}, .replicas = 3, .count = 2, .runtime_ms = 1500},
	[ASK_WIDE]      = {.name = "wide", .who = VISION, .classes = {"l40s"}, .count = 4, .runtime_ms = 1500},
	[ASK_HASTY]     = {.name = "hasty", .who = VISION, .classes = {"l40s"}, .count = 4, .is_impatient = true},
};
/* clang-format on */
