# What the tests of the demo share. They set $root and source this.
# shellcheck source=tests/support/script/server.sh
. "$root/tests/support/script/server.sh"
command -v curl >/dev/null || {
	echo "there is no curl"
	exit 77
}

# A folder of the user's for demos, empty; whatever still runs in it at the end of the script is killed.
part_init() # NAME
{
	folder=$REEVE_STATE/$1
	part_kill
	run_as_user rm -rf "$folder"
	run_as_user mkdir -p "$folder"
	trap part_kill EXIT
	trap 'exit 130' INT TERM HUP
}

part_kill()
{
	for pid in $(part_pids); do
		kill -KILL "$pid" 2>/dev/null || true
	done
}

# Processes of a demo below $folder: they name the folder, or work in it. (The searchers name it nowhere.)
part_pids()
{
	set -- /proc/[0-9]*/cmdline
	{
		printf '%s/' "$folder" | grep -alsF --file=- "$@" || true
		find /proc/[0-9]*/cwd -maxdepth 0 -printf '%p %l\n' 2>/dev/null | awk -v at="$folder/" 'index($2, at) == 1 { print $1 }'
	} | cut -d / -f 3 | sort -u | grep -vx $$ || true
}

part_is_gone()
{
	[ -z "$(part_pids)" ]
}

# Waits for the end of all of them; what does not end is named, with what it waits for.
part_await_gone() # WHAT
{
	part_left=$((server_limit_s * 20))
	until part_is_gone; do
		part_left=$((part_left - 1))
		[ $part_left -gt 0 ] || part_expect_gone "$1: waited $server_limit_s s"
		sleep 0.05
	done
}

part_tell() # PID
{
	printf '%s %s: ' "$1" "$(cat "/proc/$1/wchan" 2>/dev/null)"
	tr '\0' ' ' <"/proc/$1/cmdline" 2>/dev/null || true
	echo
}

part_expect_gone()
{
	part_is_gone || fail "$1: these still run:" "$(for pid in $(part_pids); do part_tell "$pid"; done)"
}

# Starts a demo in the background, as the leader of a process group of its own: $spawn_pid.
part_start() # STATE [OPTION...]
{
	part_state=$1
	shift
	run_as_user rm -f "$part_state/env" # of one that was killed
	spawn "${part_state##*/}" setsid "$REEVE_BIN/reeve" demo --state "$part_state" --bin "$REEVE_BIN" --pg-bin "$REEVE_PG_BIN" \
		--demo-listen 127.0.0.1:0 "$@"
}

part_is_up()
{
	is_running "$spawn_pid" || fail "the demo ended: $(tail -n 3 "$folder/${part_state##*/}.log")"
	[ -s "$part_state/env" ]
}
