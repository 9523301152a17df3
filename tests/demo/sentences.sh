#!/bin/sh
# Where a demo cannot start it says why in one sentence on standard error, exits 1, and leaves nothing running.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/demo}
. "$root/tests/demo/part.sh"
part_init demo-sentences
cases=0

# Judges what $folder/err and $status say. Only processes of $folder/NAME count: another demo may be meant to run.
judge() # WHAT SENTENCE NAME
{
	[ "$status" -eq 1 ] || fail "$1: exit status $status, standard error: $(cat "$folder/err")"
	[ "$(wc -l <"$folder/err")" -eq 1 ] || fail "$1: not one line: $(cat "$folder/err")"
	grep -q "^reeve demo: .*$2" "$folder/err" || fail "$1: no '$2' in: $(cat "$folder/err")"
	judge_whole=$folder
	folder=$folder/$3
	part_expect_gone "$1"
	[ ! -e "$folder/env" ] || [ "$3" = first ] || fail "$1: env is there"
	folder=$judge_whole
	cases=$((cases + 1))
	echo "ok: $1: $(cat "$folder/err")"
}

refuse() # WHAT SENTENCE NAME [OPTION...]
{
	what=$1
	sentence=$2
	name=$3
	shift 3
	status=0
	run_as_user "$REEVE_BIN/reeve" demo --state "$folder/$name" --bin "$REEVE_BIN" --pg-bin "$REEVE_PG_BIN" \
		--demo-listen 127.0.0.1:0 "$@" >"$folder/out" 2>"$folder/err" </dev/null || status=$?
	judge "$what" "$sentence" "$name"
}

refuse "no PostgreSQL" "no initdb and postgres in /nonexistent" no-postgres --pg-bin /nonexistent
refuse "no server" "cannot run /nonexistent/reeved" no-server --bin /nonexistent
refuse "an address that is none" "is not host:port" no-address --demo-listen 127.0.0.1
run_as_user mkdir "$folder/closed"
run_as_user chmod 0500 "$folder/closed"
refuse "a folder that cannot be written" "cannot write $folder/closed/lock: Permission denied" closed
refuse "a folder that cannot be made" "cannot make the folder $folder/closed/below: Permission denied" closed/below

# A demo that runs holds its folder and its port; it goes on undisturbed.
part_start "$folder/first"
await "the first demo to come up" part_is_up
first_pid=$spawn_pid
port=$(sed 's/.*REEVE_URL=https:[^ ]*:\([0-9]*\) .*/\1/' "$folder/first/env")
refuse "a port that is taken" "port $port on 127.0.0.1 is taken" second --demo-listen "127.0.0.1:$port"
status=0
run_as_user "$REEVE_BIN/reeve" demo --state "$folder/first" --bin "$REEVE_BIN" --demo-listen 127.0.0.1:0 \
	>"$folder/out" 2>"$folder/err" </dev/null || status=$?
[ "$status" -eq 1 ] && grep -q "another demo runs here (process $first_pid)" "$folder/err" ||
	fail "another demo: $status $(cat "$folder/err")"
is_running "$first_pid" && [ -s "$folder/first/env" ] || fail "the first demo was disturbed"
cases=$((cases + 1))

# A server that dies takes the demo with it, and says so.
for pid in $(part_pids); do
	grep -qs "^PPid:[[:space:]]*$first_pid\$" "/proc/$pid/status" && grep -qs '^reeved$' "/proc/$pid/comm" || continue
	kill -KILL "$pid"
done
part_await_gone "a server that died"
tail -n 1 "$folder/first.log" | grep -q '^reeve demo: the server has ended; see .*server.log$' ||
	fail "a server that died: $(tail -n 3 "$folder/first.log")"
[ ! -e "$folder/first/env" ] || fail "a server that died: env is still there"
cases=$((cases + 1))

# A small disk, where this script may mount one.
small_disk()
{
	run_as_user mkdir -p "$folder/small"
	unshare -m sh -c 'mount -t tmpfs -o size=16m,mode=0777 none "$0"' "$folder/small" 2>/dev/null
}
if user_is_root && small_disk; then
	status=0
	# shellcheck disable=SC2016 # the inner shell expands it
	unshare -m sh -c 'mount -t tmpfs -o size=16m,mode=0777 none "$1" && . "$2/dev.d/user.sh" && become_user "$3/reeve" \
		demo --state "$1/state" --bin "$3" --pg-bin "$4" --demo-listen 127.0.0.1:0' sh "$folder/small" "$root" \
		"$REEVE_BIN" "$REEVE_PG_BIN" >"$folder/out" 2>"$folder/err" </dev/null || status=$?
	judge "a disk that is full" "the disk of $folder/small/state is full: 16 MiB free" small
else
	echo "not tried: a small disk; this user may not mount one"
fi
echo "$cases sentences"
