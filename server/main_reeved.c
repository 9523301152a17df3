/* reeved: the server. Started by a person or a service manager it is the supervisor; started by the supervisor it is
 * one role. */
#include <stdio.h>

#include "base/log.h"
#include "server/supervisor/supervisor.h"

static log_level level_of(const char *name)
{
	static const char *const names[] = {"debug", "info", "warn", "error"};

	for (int i = 0; i < 4; i++)
		if (str_eq(str_from(name), str_from(names[i])))
			return (log_level)i;
	return LOG_INFO;
}

int main(int argc, char **argv)
{
	server_settings s = {0};
	fault f = {0};
	int operand = argc;
	bool is_done = false;
	err e = setting_read(&server_setting_table, &s, NULL, argc, argv, &operand, &is_done, &f);

	if (!e && !is_done && operand < argc)
		e = fault_set(&f, ERR_SETTING, NULL, "unexpected operand %s; see reeved --help", argv[operand]);
	if (e) {
		fprintf(stderr, "reeved: %s\n", f.detail);
		return 2;
	}
	if (is_done)
		return 0;
	log_open(*s.role ? s.role : "reeved", level_of(s.log_level));
	return *s.role ? supervisor_child(&s) : supervisor_run(&s, argv);
}
