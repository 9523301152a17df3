#!/bin/sh
# However a demo is ended, nothing of it goes on, and the next start finds its world again.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/demo}
. "$root/tests/demo/part.sh"
part_init demo-stops

# The placements that are there, as a number.
placements()
{
	(
		# shellcheck source=/dev/null
		. "$folder/state/env"
		curl -fs -m 10 --cacert "$REEVE_CA" --oauth2-bearer "$REEVE_TOKEN" "$REEVE_URL/v1/placements?limit=1000"
	) | grep -o '"id":"plc_' | wc -l
}

some_work()
{
	[ "$(placements)" -ge 8 ]
}

stop_by() # WHAT SIGNAL [group]
{
	part_start "$folder/state"
	await "the demo to come up" part_is_up
	[ "$(stat -c %a "$folder/state/env")" = 600 ] || fail "env can be read by others"
	[ "$(placements)" -ge "$had" ] || fail "$1: placements of the run before are gone"
	await "some work" some_work
	had=$(placements)
	case ${3:-} in
	group) kill "-$2" "-$spawn_pid" ;;
	*) kill "-$2" "$spawn_pid" ;;
	esac
	part_await_gone "$1"
	[ "$2" = KILL ] || [ ! -e "$folder/state/env" ] || fail "$1: env is still there"
	echo "ok: $1, $had placements"
}

had=0
stop_by "a Ctrl-C" INT group
stop_by "SIGINT to it alone" INT
stop_by "SIGTERM" TERM
stop_by "SIGHUP" HUP
stop_by "SIGKILL" KILL
stop_by "a Ctrl-C after that" INT group
