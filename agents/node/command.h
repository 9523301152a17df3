/* command: what reeve-node does besides running as a daemon: one function per word, with its own flags and --help. */
#pragma once

/* `reeve-node run ... -- COMMAND`: runs a command under limits; the command's exit status is ours (127: it was not
 * found, 126: it cannot be run, 128 + n: it was ended by signal n, 2: the flags are wrong, 1: it could not be begun).
 * argv[0] is "run". */
int command_run(int argc, char **argv);

/* `reeve-node region create|set|show PATH ...`: a folder of limits and books that REEVE_SHIM_REGION=PATH attaches to.
 * argv[0] is "region". */
int command_region(int argc, char **argv);

/* `reeve-node install /FOLDER [FROM]`: puts the shim's libraries and reeve-hook where the host's container runtime
 * finds them; what is mounted already stays as it is. FROM: where they are, else beside this program. argv[0] is
 * "install". */
int command_install(int argc, char **argv);

/* Says what is wrong; the exit status. */
int command_refuse(const char *program, const char *at, const char *why);
