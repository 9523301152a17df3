/* setting: the variables that count where no node has mounted limits.
 *
 * A process that was started with an environment of its own (a login session, a program that clears it) is still in the
 * container: then the nearest ancestor that has any of the variables is asked, and at last the container's first
 * process.
 */
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct setting_source {
	const char *const *list; /* the own environment, ended by NULL; or */
	char *text;              /* another's: strings one after the other */
	size_t size;
	bool is_elsewhere; /* the own one, by libc's getenv */
} setting_source;

/* Looks for a source that has any of the variables. The text is given back by setting_done. */
bool setting_open(setting_source *ret_source);
void setting_done(setting_source *source);

/* The value, or NULL. */
const char *setting_get(const setting_source *source, const char *name);

/* "8000m", "2g", "8000Mi", "1073741824": bytes. False for anything else, and for 0, which means no limit. */
bool setting_bytes(const char *text, uint64_t *ret_bytes);

/* Per cent, 1 to 99, as thousandths. False for anything else: no limit. */
bool setting_milli(const char *text, uint32_t *ret_milli);
