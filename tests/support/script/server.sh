# A reeved of a script's own: on free ports of loopback, with a private PostgreSQL, ended and removed when the script ends.
#
# Sourced by benches, torments and tests, with $root set to the checkout. They find in the environment what ./dev put there:
# REEVE_BIN, REEVE_STATE, REEVE_PG_BIN, REEVE_USER. Waits are bounded; a server that does not come up ends the script.
# shellcheck source=dev.d/user.sh
. "$root/dev.d/user.sh"
if [ -z "${REEVE_BIN:-}" ] || ! [ -x "$REEVE_BIN/reeved" ]; then
	echo "there is no reeved to try; run this by ./dev"
	exit 77
fi
server_limit_s=60

fail()
{
	printf '%s\n' "$*" >&2
	exit 1
}

# Runs a program as the user in the background; its number stands in $folder/NAME.pid, its output in $folder/NAME.log.
spawn() # NAME COMMAND...
{
	spawn_name=$1
	shift
	rm -f "$folder/$spawn_name.pid"
	# shellcheck disable=SC2016 # the inner shell expands it
	run_as_user sh -c 'echo $$ >"$0.part" && mv "$0.part" "$0" && exec "$@"' "$folder/$spawn_name.pid" "$@" \
		>>"$folder/$spawn_name.log" 2>&1 </dev/null &
	await "$spawn_name to start" test -s "$folder/$spawn_name.pid"
	spawn_pid=$(cat "$folder/$spawn_name.pid")
}

await() # WHAT COMMAND...: until it is true
{
	await_what=$1
	await_left=$((server_limit_s * 20))
	shift
	until "$@" >/dev/null; do
		await_left=$((await_left - 1))
		[ $await_left -gt 0 ] || fail "waited $server_limit_s s for $await_what"
		sleep 0.05
	done
}

is_running() # PID
{
	[ -d "/proc/$1" ] && ! grep -qs '^State:[[:space:]]*Z' "/proc/$1/status"
}

# Makes the folder that all of this lives in, and sees to its end.
server_init() # NAME
{
	folder=$REEVE_STATE/$1
	server_pid=
	server_tls=127.0.0.1:0
	server_plain=127.0.0.1:0
	server_calls=
	run_as_user rm -rf "$folder"
	run_as_user mkdir -p "$folder"
	trap server_end EXIT
	trap 'exit 130' INT TERM HUP
}

# Starts it on $folder/data: again on the ports it had before, when there was one.
server_start() # [OPTION...]
{
	[ $# -eq 0 ] || server_calls=$*
	server_starts=$(server_started_count)
	# shellcheck disable=SC2086 # options are words
	spawn server "$REEVE_BIN/reeved" --data-dir "$folder/data" --listen "$server_tls" --listen-plain "$server_plain" \
		--postgres-bin "$REEVE_PG_BIN" $server_calls
	server_pid=$spawn_pid
	server_await
}

# Until it answers that it is ready.
server_await()
{
	await "the server to start (its log: $folder/server.log)" server_has_started
	server_started=$(grep -a 'server\.started' "$folder/server.log" | tail -n 1)
	server_tls=$(printf '%s' "$server_started" | sed 's/.* listen="\{0,1\}\([^" ]*\).*/\1/')
	server_plain=$(printf '%s' "$server_started" | sed 's/.* plain="\{0,1\}\([^" ]*\).*/\1/')
	await "the server to be ready" curl -fs -m 5 "http://$server_plain/readyz"
	await "the first token" test -s "$folder/data/admin-token"
	REEVE_TOKEN=$(cat "$folder/data/admin-token")
	REEVE_URL=https://localhost:${server_tls##*:}
	REEVE_CA=$folder/data/ca/cert.pem
	export REEVE_TOKEN REEVE_URL REEVE_CA
	# The token's row may be a moment behind its file.
	await "the first token to count" curl -fs -m 5 -H "Authorization: Bearer $REEVE_TOKEN" "http://$server_plain/v1/whoami"
}

server_has_started()
{
	is_running "$server_pid" || {
		tail -n 5 "$folder/server.log" >&2
		fail "the server ended at its start"
	}
	[ "$(server_started_count)" -gt "${server_starts:-0}" ]
}

server_started_count()
{
	grep -a -c 'server\.started' "$folder/server.log" 2>/dev/null || true
}

server_stop()
{
	[ -n "$server_pid" ] || return 0
	kill -TERM "$server_pid" 2>/dev/null || true
	await "the server to end" server_is_gone
	server_pid=
}

server_is_gone()
{
	! is_running "$server_pid" && ! server_database_runs
}

server_database_runs()
{
	server_postmaster=$(head -n 1 "$folder/data/postgres/postmaster.pid" 2>/dev/null) && is_running "$server_postmaster"
}

# Whatever happened: nothing of ours is left.
server_end()
{
	server_status=$?
	trap - EXIT
	for server_pidfile in "$folder"/*.pid; do
		[ -s "$server_pidfile" ] || continue
		kill -TERM "$(cat "$server_pidfile")" 2>/dev/null || true
	done
	[ -z "$server_pid" ] || (server_stop) || kill -KILL "$server_pid" 2>/dev/null || true
	server_orphans | while read -r orphan; do
		kill -KILL "$orphan" 2>/dev/null || true
	done
	wait
	if [ $server_status -eq 0 ]; then
		run_as_user rm -rf "$folder"
	elif [ $server_status -ne 77 ]; then
		echo "what was left of it: $folder" >&2
	fi
	exit $server_status
}

# Edges of a killed supervisor, for one, that still finish what they began.
server_orphans()
{
	for process in /proc/[0-9]*; do
		! command_of "${process#/proc/}" | grep -q -F -e "--data-dir $folder/data " || echo "${process#/proc/}"
	done
}

# The process of a role: placer, worker, edge.
server_process() # ROLE
{
	children_of "$server_pid" | while read -r child; do
		! command_of "$child" | grep -q -e "--role $1 " || echo "$child"
	done
}

command_of() # PID
{
	{ tr '\0' ' ' <"/proc/$1/cmdline"; } 2>/dev/null || true
}

children_of() # PID
{
	[ -n "$1" ] || return 0
	cat /proc/"$1"/task/*/children 2>/dev/null | tr ' ' '\n' | grep . || true
}

# The private database, by SQL: one value.
server_sql() # STATEMENT
{
	run_as_user "$REEVE_PG_BIN/psql" "$(server_dsn)" -qAtX -v ON_ERROR_STOP=1 -c "$1"
}

# How its processes reach the database.
server_dsn()
{
	tr '\0' '\n' <"/proc/$(server_process placer)/environ" | sed -n 's/^REEVE_DSN=//p'
}

# One call with the administrator's token; prints the body, fails on anything but 2xx.
call() # METHOD PATH [BODY [OPTION OF CURL...]]; an empty BODY is none
{
	call_method=$1
	call_path=$2
	call_body=${3:-}
	[ $# -le 2 ] || shift
	shift 2
	[ -z "$call_body" ] || set -- -H 'Content-Type: application/json' --data-binary "$call_body" "$@"
	curl -sS -m 60 --fail-with-body -X "$call_method" -H "Authorization: Bearer $REEVE_TOKEN" "$@" \
		"http://$server_plain$call_path" || {
		echo " ($call_method $call_path)" >&2
		return 1
	}
}

# A text or number of a JSON document, by its name; the first of that name.
json_value() # NAME
{
	sed -n "s/.*\"$1\":\"\{0,1\}\([^\",}]*\).*/\1/p" | head -n 1
}
