/* reeve: the command line. Each verb is a file of this folder. */
#include <stdio.h>

#include "cli/command.h"

const command commands[] = {
	{"login", "remember a server and a token", command_login},
	{"get", "print a list or one object of any kind, or what one path of the API answers", command_get},
	{"plan", "show what applying a manifest of tenants would change", command_plan},
	{"apply", "bring a plan about, all of it or nothing", command_apply},
	{"export", "print the manifest of what is there", command_export},
	{"explain", "say why a placement stands where it stands", command_explain},
	{"replay", "send a recorded workload through a server and judge what it decides", command_replay},
	{"simulate", "decide a recorded workload with the engine alone: allocation, refusals, speed", command_simulate},
	{"verify-audit", "check exported audit records, checkpoints and proofs, without a server",
		command_verify_audit},
};
const size_t commands_n = sizeof(commands) / sizeof(*commands);

static int usage(FILE *out, int code)
{
	fprintf(out, "usage: reeve VERB [options]      (reeve VERB --help tells more)\n\n");
	for (size_t i = 0; i < commands_n; i++)
		fprintf(out, "  %-12s %s\n", commands[i].name, commands[i].about);
	fprintf(out,
		"\nREEVE_URL, REEVE_TOKEN and REEVE_CA name the server, the bearer token and the PEM file of its CA.\n");
	return code;
}

int main(int argc, char **argv)
{
	str verb = str_from(argc > 1 ? argv[1] : "--help");

	if (str_eq(verb, S("--help")) || str_eq(verb, S("-h")) || str_eq(verb, S("help")))
		return usage(stdout, 0);
	if (str_eq(verb, S("--version"))) {
		printf("reeve %s\n", REEVE_VERSION);
		return 0;
	}
	if (str_eq(verb, S("demo")))
		return command_demo(argc - 1, argv + 1);
	for (size_t i = 0; i < commands_n; i++)
		if (str_eq(verb, str_from(commands[i].name)))
			return commands[i].run(argc - 1, argv + 1);
	fprintf(stderr, "reeve: there is no verb '" STR_FMT "'\n", STR_ARG(verb));
	return usage(stderr, 2);
}
