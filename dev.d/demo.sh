# demo [--once]: three simulated clusters under one server, live; --once runs to its end and checks itself
#
# Installs and builds what is missing and starts all of it as an unprivileged user in var/demo. Ctrl-C stops everything.
# While it runs, var/demo/env holds REEVE_URL and REEVE_TOKEN for the shell.
verb_demo()
{
	packages_need build run
	build_preset release
	state_environment release demo
	. "$root/tests/demo/demo.sh"
	demo_main "$@"
}
