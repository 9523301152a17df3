/* log: one line per event, logfmt, to standard error.
 *
 *     log_info("grant.refused", KV("tenant", path), KV_I64("milli", n));
 *
 * Only edges log: the end of a request or job, a change of state of a connection or process. Library code returns
 * errors. Values are quoted when they need it and control bytes are escaped, so that a line cannot be forged. Lines are
 * written with one write(2) each. A value is cut at 1024 bytes; pairs that would make the line longer than 8 KiB are
 * left out.
 */
#pragma once
#include "base/err.h"

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR } log_level;

typedef struct log_kv {
	const char *key;
	str text;
	int64_t num;
	bool is_num;
} log_kv;

#define KV(k, s)     ((log_kv){.key = (k), .text = (s)})
#define KV_Z(k, z)   ((log_kv){.key = (k), .text = str_from(z)})
#define KV_I64(k, v) ((log_kv){.key = (k), .num = (int64_t)(v), .is_num = true})
#define KV_ERR(e)    ((log_kv){.key = "error", .text = str_from(err_code(e))})

/* The process name that stands in each line, and the lowest level written. process must stay valid. */
void log_open(const char *process, log_level lowest);
void log_write(log_level level, const char *event, const log_kv *kv, size_t n);

#define LOG_KVS(...)          (const log_kv[]){__VA_ARGS__}, sizeof((const log_kv[]){__VA_ARGS__}) / sizeof(log_kv)
#define log_debug(event, ...) log_write(LOG_DEBUG, event, LOG_KVS(__VA_ARGS__))
#define log_info(event, ...)  log_write(LOG_INFO, event, LOG_KVS(__VA_ARGS__))
#define log_warn(event, ...)  log_write(LOG_WARN, event, LOG_KVS(__VA_ARGS__))
#define log_error(event, ...) log_write(LOG_ERROR, event, LOG_KVS(__VA_ARGS__))
