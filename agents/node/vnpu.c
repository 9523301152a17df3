#include "agents/node/vnpu.h"
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include "agents/file.h"
#include "base/buf.h"
#include "base/clock.h"

/* A chip that is ill may not answer at all; the others are asked all the same. What changes something is let end. */
enum { ASK_MS = 5000, NO_END = -1 };

enum { ANSWER_MAX = 256 << 10, WORDS_MAX = 16, FIRST_ID = 100, NOTE_PATH_BYTES = 4096, COLUMNS_MAX = 8 };

typedef struct place {
	const char *tool, *device, *template;
	char note[NOTE_PATH_BYTES];
	vnpu_chip chip;
} place;

static str word_take(str *rest)
{
	*rest = str_trim(*rest);
	uint32_t n = 0;
	while (n < rest->n && rest->p[n] != ' ' && rest->p[n] != '\t')
		n++;
	str word = str_cut(*rest, 0, n);
	*rest = str_cut(*rest, n, rest->n);
	return word;
}

/* Columns have names of several words, and not every version has all of them. */
static uint32_t columns_read(str line, const char *columns[COLUMNS_MAX])
{
	static const char *const known[] = {
		"NPU ID", "Slot ID", "Device ID", "Chip ID", "Chip Logic ID", "Chip Phy-ID", "Chip Name"};
	uint32_t n = 0;

	for (line = str_trim(line); line.n && n < COLUMNS_MAX; line = str_trim(line)) {
		const char *found = NULL;
		for (size_t i = 0; i < sizeof(known) / sizeof(*known) && !found; i++)
			if (str_starts(line, str_from(known[i])))
				found = known[i];
		if (!found)
			return 0;
		columns[n++] = found;
		line = str_cut(line, (uint32_t)strlen(found), line.n);
	}
	return n;
}

static void name_take(str line, char out[VNPU_TEXT])
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < line.n && n + 1 < VNPU_TEXT; i++)
		if (line.p[i] > ' ')
			out[n++] = line.p[i];
	out[n] = 0;
}

/* A chip that has no number among those that compute manages the card. */
static bool row_read(str line, const char *const *columns, uint32_t n, vnpu_chip *ret)
{
	int64_t logic = -1;

	*ret = (vnpu_chip){.npu = -1, .chip = -1, .physical = -1};
	for (uint32_t i = 0; i < n; i++) {
		int64_t value = -1;
		if (strcmp(columns[i], "Chip Name") == 0) {
			name_take(line, ret->name);
			break; /* it is the last, and of several words */
		}
		str word = word_take(&line);
		if (!str_to_i64(word, &value))
			value = -1;
		if (strcmp(columns[i], "NPU ID") == 0)
			ret->npu = value;
		else if (strcmp(columns[i], "Chip ID") == 0)
			ret->chip = value;
		else if (strcmp(columns[i], "Chip Logic ID") == 0)
			logic = value;
		else if (strcmp(columns[i], "Chip Phy-ID") == 0)
			ret->physical = value;
	}
	if (ret->physical < 0)
		ret->physical = logic;
	return ret->npu >= 0 && ret->chip >= 0 && ret->physical >= 0;
}

uint32_t vnpu_chips_read(str text, vnpu_chip ret[VNPU_CHIPS_MAX])
{
	const char *columns[COLUMNS_MAX];
	uint32_t n_columns = 0, n = 0;

	while (text.p && n < VNPU_CHIPS_MAX) {
		str line = str_trim(str_split(&text, '\n'));
		if (str_starts(line, S("NPU ID")))
			n_columns = columns_read(line, columns);
		else if (n_columns && row_read(line, columns, n_columns, &ret[n]))
			n++;
	}
	return n;
}

static char lower(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

static bool is_same_text(str a, str b)
{
	for (uint32_t i = 0; i < a.n && i < b.n; i++)
		if (lower(a.p[i]) != lower(b.p[i]))
			return false;
	return a.n == b.n;
}

/* "PCIe Bus Info : 0000:C1:00.0"; some versions write the name without spaces. */
str vnpu_board_bus(str text)
{
	while (text.p) {
		str line = str_split(&text, '\n'), key = str_trim(str_split(&line, ':'));
		if (str_eq(key, S("PCIe Bus Info")) || str_eq(key, S("PCIeBusInfo")))
			return str_trim(line);
	}
	return STR_NONE;
}

bool vnpu_board_is(str text, str bus_id)
{
	return is_same_text(vnpu_board_bus(text), bus_id);
}

/* "| 100 | 0 | ffffffffffff | 1 | vir02 |"; without the frame in some versions. False: there is no other. */
static bool vnpu_next(str *text, int64_t *ret_id, str *ret_template)
{
	while (text->p) {
		str line = str_trim(str_split(text, '\n')), cell = STR_NONE;
		if (str_starts(line, S("|")))
			line = str_cut(line, 1, line.n);
		if (!str_to_i64(str_trim(str_split(&line, '|')), ret_id))
			continue;
		for (int i = 0; i < 4 && line.p; i++)
			cell = str_trim(str_split(&line, '|'));
		*ret_template = cell.n ? cell : STR_NONE;
		return true;
	}
	return false;
}

str vnpu_template(str text, int64_t id)
{
	int64_t at;
	str template;

	while (vnpu_next(&text, &at, &template))
		if (at == id)
			return template;
	return STR_NONE;
}

static bool text_take(str word, char *out, size_t size)
{
	if (word.n == 0 || word.n >= size)
		return false;
	memcpy(out, word.p, word.n);
	out[word.n] = 0;
	return true;
}

/* "chip DEVICE NUMBER PRODUCT" or "vnpu DEVICE ID TEMPLATE", of the chip at hand. */
static bool listed_read(str line, vnpu_listed *v, uint32_t *n)
{
	str kind = str_split(&line, ' '), bus = str_split(&line, ' '), number = str_split(&line, ' ');
	int64_t value;

	if (!str_to_i64(number, &value))
		return false;
	if (str_eq(kind, S("chip")) && *n < VNPU_CHIPS_MAX) {
		vnpu_listed *c = &v[(*n)++];
		*c = (vnpu_listed){.number = value};
		return text_take(bus, c->bus_id, sizeof(c->bus_id)) && text_take(line, c->product, sizeof(c->product));
	}
	vnpu_listed *c = *n ? &v[*n - 1] : NULL;
	if (!str_eq(kind, S("vnpu")) || !c || !str_eq(bus, str_from(c->bus_id)) || c->n == VNPU_PER_CHIP)
		return false;
	struct vnpu_one *one = &c->v[c->n++];
	one->id = value;
	return text_take(line, one->template, sizeof(one->template));
}

bool vnpu_list_read(str text, vnpu_listed ret[VNPU_CHIPS_MAX], uint32_t *ret_n)
{
	*ret_n = 0;
	while (text.p) {
		str line = str_split(&text, '\n');
		if (str_eq(line, S("end")))
			return true;
		if (!listed_read(line, ret, ret_n))
			return false;
	}
	return false;
}

/* "Status : OK" and "Message : ...", on a line each or on one. */
bool vnpu_is_well(str text, str *ret_why)
{
	*ret_why = S("it says nothing");
	while (text.p) {
		str line = str_trim(str_split(&text, '\n'));
		if (!line.n)
			continue;
		*ret_why = line;
		str key = str_trim(str_split(&line, ':'));
		if (str_eq(key, S("Status")) && str_eq(word_take(&line), S("OK")))
			return true;
	}
	return false;
}

static int fail(const char *what, str why)
{
	printf("error %s: " STR_FMT "\n", what, STR_ARG(why));
	return EXIT_SUCCESS;
}

static void tool_run(const char *const *words, int out)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	(void)setenv("LC_ALL", "C", 1);
	if (dup2(out, STDOUT_FILENO) >= 0 && dup2(out, STDERR_FILENO) >= 0)
		(void)execvp(words[0], (char *const *)(uintptr_t)words);
	_exit(127);
}

/* Until it has said all; false: that took too long. */
static bool hear(int fd, int64_t ms, buf *out)
{
	int64_t until_ms = clock_mono_us() / 1000 + ms;
	struct pollfd said = {.fd = fd, .events = POLLIN};
	char text[4096];
	ssize_t got = 1;

	while (got > 0) {
		int64_t left_ms = until_ms - clock_mono_us() / 1000;
		if (ms != NO_END && (left_ms <= 0 || poll(&said, 1, (int)left_ms) == 0))
			return false;
		got = read(fd, text, sizeof(text));
		if (got > 0)
			buf_add_str(out, str_of(text, (size_t)got));
	}
	return true;
}

/* What it prints, in a. False: it cannot be run, or does not end; what it says is judged, not how it exits. */
static bool ask(arena *a, const char *const *words, int64_t ms, str *ret)
{
	int ends[2], status;
	buf out;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return false;
	pid_t pid = fork();
	if (pid == 0)
		tool_run(words, ends[1]);
	close(ends[1]);
	buf_init(&out, ANSWER_MAX);
	bool is_heard = pid > 0 && hear(ends[0], ms, &out);
	close(ends[0]);
	*ret = str_dup(a, buf_str(&out));
	buf_done(&out);
	/* One that the kernel holds in a call cannot end yet, and is not waited for. */
	if (pid > 0 && !is_heard)
		(void)kill(pid, SIGKILL);
	return is_heard && waitpid(pid, &status, 0) == pid && !(WIFEXITED(status) && WEXITSTATUS(status) == 127);
}

/* `npu-smi VERB -t TYPE -i NPU -c CHIP [FLAG VALUE]...`; more ends with NULL. */
static bool ask_chip(arena *a, const place *p, const char *verb, const char *type, const char *const *more, str *ret)
{
	const char *words[WORDS_MAX] = {p->tool, verb, "-t", type, "-i",
		str_z(a, str_print(a, "%lld", (long long)p->chip.npu)), "-c",
		str_z(a, str_print(a, "%lld", (long long)p->chip.chip))};

	for (uint32_t n = 8; more && *more && n < WORDS_MAX - 1; n++)
		words[n] = *more++;
	return ask(a, words, strcmp(verb, "info") == 0 ? ASK_MS : NO_END, ret);
}

static uint32_t chips_ask(arena *a, const char *tool, vnpu_chip ret[VNPU_CHIPS_MAX])
{
	const char *const words[] = {tool, "info", "-m", NULL};
	str said;

	return ask(a, words, ASK_MS, &said) ? vnpu_chips_read(said, ret) : 0;
}

/* Whether vnpu_list_read takes what stands on a chip: one that has more, or odder, costs nobody else's. */
static bool is_tellable(str there)
{
	uint32_t n = 0;
	int64_t id;
	str template;

	while (vnpu_next(&there, &id, &template)) {
		n += template.p != NULL;
		if (template.n >= VNPU_TEXT || n > VNPU_PER_CHIP)
			return false;
	}
	return true;
}

/* False: what it is, or what is on it, cannot be told; then nothing is said of it. */
static bool chip_print(arena *a, place *p)
{
	str board, there, bus, template;
	char text[VNPU_BUS];
	int64_t id;

	bus = ask_chip(a, p, "info", "board", NULL, &board) ? vnpu_board_bus(board) : STR_NONE;
	if (!p->chip.name[0] || !text_take(bus, text, sizeof(text)) ||
		!ask_chip(a, p, "info", "info-vnpu", NULL, &there) || !is_tellable(there))
		return false;
	for (char *c = text; *c; c++)
		*c = lower(*c);
	printf("chip %s %lld %s\n", text, (long long)p->chip.physical, p->chip.name);
	while (vnpu_next(&there, &id, &template))
		if (template.p)
			printf("vnpu %s %lld " STR_FMT "\n", text, (long long)id, STR_ARG(template));
	return true;
}

/* One chip that is ill costs the sight of that chip. */
static int list(arena *a, const char *tool)
{
	vnpu_chip chips[VNPU_CHIPS_MAX];
	place p = {.tool = tool};
	uint32_t n = chips_ask(a, tool, chips), told = 0;

	for (uint32_t i = 0; i < n; i++) {
		p.chip = chips[i];
		told += chip_print(a, &p);
	}
	if (!told)
		return fail("list", S("the tool does not say what chips there are"));
	printf("end\n");
	return EXIT_SUCCESS;
}

static bool chip_find(arena *a, place *p)
{
	str bus = str_from(p->device), said;
	vnpu_chip chips[VNPU_CHIPS_MAX];

	if (str_starts(bus, S("PCI-")))
		bus = str_cut(bus, 4, bus.n);
	uint32_t n = chips_ask(a, p->tool, chips);
	for (uint32_t i = 0; i < n; i++) {
		p->chip = chips[i];
		if (ask_chip(a, p, "info", "board", NULL, &said) && vnpu_board_is(said, bus))
			return true;
	}
	return false;
}

static bool note_put(const place *p, int64_t id)
{
	AUTO_ARENA a = arena_new(0);

	return file_write(p->note, 0600, str_print(a, "%lld\n", (long long)id), NULL) == ERR_OK;
}

static bool note_read(const place *p, int64_t *ret_id)
{
	AUTO_ARENA a = arena_new(0);
	str text;

	return file_read(p->note, a, &text, NULL) == ERR_OK && str_to_i64(str_split(&text, '\n'), ret_id);
}

/* Another allocation may have noted another one meanwhile. */
static void note_drop(const place *p, int64_t id)
{
	int64_t noted;

	if (note_read(p, &noted) && noted == id)
		(void)unlink(p->note);
}

static bool destroy(arena *a, const place *p, int64_t id, str *ret_why)
{
	const char *more[] = {"-v", str_z(a, str_print(a, "%lld", (long long)id)), NULL};
	str said;

	*ret_why = S("the tool cannot be run");
	return ask_chip(a, p, "set", "destroy-vnpu", more, &said) && vnpu_is_well(said, ret_why);
}

static bool is_ours(arena *a, const place *p, int64_t id, str *ret_listed)
{
	str said;

	if (!ask_chip(a, p, "info", "info-vnpu", NULL, &said))
		return false;
	*ret_listed = said;
	return str_eq(vnpu_template(said, id), str_from(p->template));
}

static int make(arena *a, const place *p)
{
	int64_t id = p->chip.physical * VNPU_IDS + FIRST_ID, end = id + VNPU_PER_CHIP;
	str listed = STR_NONE, why = S("the tool cannot be run"), said;

	(void)is_ours(a, p, id, &listed);
	if (!listed.n)
		return fail("make", S("the tool does not list what is there"));
	while (id < end && vnpu_template(listed, id).p)
		id++;
	if (id == end)
		return fail("make", S("the chip has no number left"));
	const char *more[] = {"-f", p->template, "-v", str_z(a, str_print(a, "%lld", (long long)id)), NULL};
	if (!note_put(p, id))
		return fail("make", S("it cannot be written down"));
	if (ask_chip(a, p, "set", "create-vnpu", more, &said) && vnpu_is_well(said, &why)) {
		printf("ok %lld 0 vnpu-%lld\n", (long long)id, (long long)id);
		return EXIT_SUCCESS;
	}
	str unused;
	if (!is_ours(a, p, id, &listed) || destroy(a, p, id, &unused))
		note_drop(p, id);
	return fail("make", why);
}

static int remove_one(arena *a, const place *p, int64_t id)
{
	str listed = STR_NONE, why;

	if (id < 0 && !note_read(p, &id)) {
		printf("ok\n");
		return EXIT_SUCCESS;
	}
	bool is_there = is_ours(a, p, id, &listed);
	if (!listed.n)
		return fail("remove", S("the tool does not list what is there"));
	if (is_there && !destroy(a, p, id, &why))
		return fail("remove", why);
	note_drop(p, id);
	printf("ok\n");
	return EXIT_SUCCESS;
}

/* Held until the process ends. */
static bool lock_take(const char *path)
{
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	return fd >= 0 && flock(fd, LOCK_EX) == 0;
}

int vnpu_main(int argc, char **argv)
{
	AUTO_ARENA a = arena_new(0);
	int64_t id;

	if (argc == 4 && strcmp(argv[3], "list") == 0)
		return list(a, argv[2]);
	if (argc != 9 || !str_to_i64(str_from(argv[7]), &id))
		return EXIT_FAILURE;
	for (int i = 4; i < argc; i++)
		if (strchr(argv[i], '/'))
			return EXIT_FAILURE;
	place p = {.tool = argv[2], .device = argv[4], .template = argv[5]};
	if (snprintf(p.note, sizeof(p.note), "%s.%s.%s.%s.%s", argv[1], argv[4], argv[5], argv[6], argv[8]) >=
		(int)sizeof(p.note))
		return EXIT_FAILURE;
	if (!lock_take(argv[1]))
		return fail(argv[1], S("cannot be locked"));
	if (!chip_find(a, &p))
		return fail(argv[4], S("the tool knows no such chip"));
	return strcmp(argv[3], "make") == 0 ? make(a, &p) : remove_one(a, &p, id);
}
