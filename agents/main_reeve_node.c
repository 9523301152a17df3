/* reeve-node: what governs the GPUs of one machine. */
#include <stdlib.h>
#include <string.h>
#include "agents/node/command.h"
#include "base/setting.h"

static const struct word {
	const char *name;
	int (*run)(int argc, char **argv);
} words[] = {
	{"run", command_run},
	{"region", command_region},
};

static const setting_table settings = {
	.program = "reeve-node",
	.usage = "run|region [options]",
	.about =
		"run runs a command under limits of a GPU; region makes, changes and shows such limits. Each has its own --help.",
};

int main(int argc, char **argv)
{
	fault f = {0};
	bool is_done;
	int operand, none;

	for (size_t i = 0; argc > 1 && i < sizeof(words) / sizeof(*words); i++)
		if (strcmp(argv[1], words[i].name) == 0)
			return words[i].run(argc - 1, argv + 1);
	err e = setting_read(&settings, &none, NULL, argc, argv, &operand, &is_done, &f);
	if (!e && is_done)
		return EXIT_SUCCESS;
	return command_refuse("reeve-node", operand < argc && !e ? argv[operand] : f.pointer,
		e ? f.detail : "takes run or region; see --help");
}
