#include "shim/setting.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SETTING_TEXT_BYTES ((size_t)1 << 20) /* of another's environment that are read */
#define SETTING_ANCESTORS  64
#define SETTING_DEVICES    16 /* that limits may be numbered for */

extern char **environ;

static const char *const setting_names[] = {"REEVE_SHIM_REGION", "CUDA_DEVICE_MEMORY_LIMIT", "CUDA_DEVICE_SM_LIMIT",
	"CUDA_DEVICE_MEMORY_SHARED_CACHE", "CUDA_TASK_PRIORITY"};

/* Whether it begins with one of the names: limits may carry a device's number behind it. */
static bool setting_ours(const char *entry)
{
	for (size_t i = 0; i < sizeof setting_names / sizeof setting_names[0]; i++)
		if (strncmp(entry, setting_names[i], strlen(setting_names[i])) == 0)
			return true;
	return false;
}

/* A program may have `environ` in its own data; then a library that it opens with RTLD_DEEPBIND sees another one, which
 * stays empty. libc knows the right one.
 */
static bool setting_is_elsewhere(void)
{
	return !environ || !*environ;
}

static bool setting_any_elsewhere(void)
{
	char numbered[64];
	for (size_t i = 0; i < sizeof setting_names / sizeof setting_names[0]; i++) {
		if (getenv(setting_names[i]))
			return true;
		for (unsigned d = 0; d < SETTING_DEVICES; d++) {
			snprintf(numbered, sizeof numbered, "%s_%u", setting_names[i], d);
			if (getenv(numbered))
				return true;
		}
	}
	return false;
}

static const char *setting_match(const char *entry, const char *name)
{
	size_t n = strlen(name);
	return strncmp(entry, name, n) == 0 && entry[n] == '=' ? entry + n + 1 : NULL;
}

static bool setting_read(const char *path, char *text, size_t size, size_t *ret_read)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	size_t have = 0;
	ssize_t n;
	while (have < size - 1 && (n = read(fd, text + have, size - 1 - have)) > 0)
		have += (size_t)n;
	close(fd);
	text[have] = 0;
	*ret_read = have;
	return have > 0;
}

static pid_t setting_parent(pid_t pid)
{
	char path[40];
	char text[512];
	size_t n;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	if (!setting_read(path, text, sizeof text, &n))
		return 0;
	const char *at = strrchr(text, ')'); /* ") S PPID" */
	return at && strlen(at) > 4 ? (pid_t)strtol(at + 4, NULL, 10) : 0;
}

static bool setting_from(pid_t pid, setting_source *source)
{
	char path[40];
	snprintf(path, sizeof path, "/proc/%d/environ", (int)pid);
	if (!setting_read(path, source->text, SETTING_TEXT_BYTES, &source->size))
		return false;
	for (const char *at = source->text; at < source->text + source->size; at += strlen(at) + 1)
		if (setting_ours(at))
			return true;
	return false;
}

static bool setting_inherit(setting_source *source)
{
	pid_t pid = getppid();
	for (unsigned i = 0; i < SETTING_ANCESTORS && pid > 1; i++) {
		if (setting_from(pid, source))
			return true;
		pid = setting_parent(pid);
	}
	return setting_from(1, source);
}

bool setting_open(setting_source *ret_source)
{
	*ret_source = (setting_source){.list = (const char *const *)environ};
	ret_source->is_elsewhere = setting_is_elsewhere() && setting_any_elsewhere();
	if (ret_source->is_elsewhere)
		return true;
	for (const char *const *entry = ret_source->list; entry && *entry; entry++)
		if (setting_ours(*entry))
			return true;
	ret_source->list = NULL;
	void *text = mmap(NULL, SETTING_TEXT_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (text == MAP_FAILED)
		return false;
	ret_source->text = text;
	if (setting_inherit(ret_source))
		return true;
	setting_done(ret_source);
	return false;
}

void setting_done(setting_source *source)
{
	if (source->text)
		munmap(source->text, SETTING_TEXT_BYTES);
	*source = (setting_source){0};
}

const char *setting_get(const setting_source *source, const char *name)
{
	const char *value = source->is_elsewhere ? getenv(name) : NULL;
	for (const char *const *entry = source->list; entry && *entry && !value; entry++)
		value = setting_match(*entry, name);
	for (const char *at = source->text; at && at < source->text + source->size && !value; at += strlen(at) + 1)
		value = setting_match(at, name);
	return value;
}

bool setting_bytes(const char *text, uint64_t *ret_bytes)
{
	char *end;
	if (!text || *text < '0' || *text > '9')
		return false;
	uint64_t n = strtoull(text, &end, 10);
	unsigned shift = 0;
	if (*end == 'k' || *end == 'K')
		shift = 10;
	else if (*end == 'm' || *end == 'M')
		shift = 20;
	else if (*end == 'g' || *end == 'G')
		shift = 30;
	if (shift)
		end += end[1] == 'i' ? 2 : 1;
	if (*end || n == 0 || n > UINT64_MAX >> shift)
		return false;
	*ret_bytes = n << shift;
	return true;
}

bool setting_milli(const char *text, uint32_t *ret_milli)
{
	char *end;
	if (!text || *text < '0' || *text > '9')
		return false;
	unsigned long percent = strtoul(text, &end, 10);
	if (*end || percent < 1 || percent > 99)
		return false;
	*ret_milli = (uint32_t)percent * 10;
	return true;
}
