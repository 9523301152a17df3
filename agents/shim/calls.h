/* calls: the driver's and NVML's calls by number, from the tables calls.def and nvml.def. */
#pragma once
#include <stdint.h>

typedef enum call_class {
	CALL_ALLOC,
	CALL_FREE,
	CALL_HOLD,
	CALL_IMPORT,
	CALL_CONTEXT,
	CALL_MODULE,
	CALL_POOL,
	CALL_GRAPH,
	CALL_LAUNCH,
	CALL_CAPTURE,
	CALL_INFO,
	CALL_LIST,
	CALL_LOOKUP,
	CALL_WEIGHED,
	CALL_PASS,
} call_class;

typedef enum call_flavour { CALL_PLAIN, CALL_STREAM } call_flavour;

typedef enum call_id {
#define CALL(symbol, name, version, flavour, class, price) AT_##symbol,
#include "shim/calls.def"
#undef CALL
	CALLS,
} call_id;

typedef enum nvml_id {
#define NVML(symbol, class) AT_##symbol,
#include "shim/nvml.def"
#undef NVML
	NVML_CALLS,
} nvml_id;

/* Without a pointer in it: the loader would have to set each, in every process anew. */
typedef struct call {
	uint16_t symbol;    /* call_symbol */
	uint8_t name_bytes; /* a symbol begins with the name that programs ask for, which has so many */
	uint8_t flavour;    /* call_flavour */
	uint8_t class;      /* call_class */
	int version;
} call;

extern const call calls[CALLS];
extern const call nvml_calls[NVML_CALLS];

const char *call_symbol(const call *row);
