#!/bin/sh
# kill: replays a workload while processes are killed with SIGKILL at random moments, and looks whether the books still hold
#
#     REEVE_SEED          where the random moments begin; told at the start and when something breaks
#     REEVE_SIZE_KILL_*   rounds, kills of a round, pods of a round (tests/sizes.sh)
#
# A round is a fresh server, a replay, and kills spread over it: the edges, the placer, the worker, the supervisor (started
# again at once), agents (replay starts them again), PostgreSQL's first process or one of its backends. It counts only when all
# its kills fell while pods were being sent. At its end replay's own checks hold (nothing lost, doubled or illegal), the server
# finds its books whole, and so does a reckoning of our own. The last round ends with a planted fault, which both must see.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/chaos}
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/server.sh"
seed=${REEVE_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}
rounds=$REEVE_SIZE_KILL_ROUNDS
kills=$REEVE_SIZE_KILL_MOMENTS
pods=$REEVE_SIZE_KILL_PODS
gap_ms=300
batch=2
voids_max=$((rounds / 4 + 3))

# "DELAY_S VICTIM PICK" of each kill. Victims go through the list, from another place in each round, so that a few rounds meet
# all.
plan() # ROUND
{
	awk -v seed="$seed" -v round="$1" -v kills="$kills" -v gap_ms=$gap_ms 'BEGIN {
		n = split("placer edge postmaster supervisor backend agent worker", victims, " ")
		srand(seed + round * 7919)
		first = seed + round
		for (i = 0; i < kills; i++) {
			printf "%.3f %s %d\n", rand() * gap_ms / 1000, victims[(first + i) % n + 1], int(rand() * 1000)
		}
	}'
}

# A cluster and its work of any size, in the form of the trace's lists, by the seed.
workload() # ROUND
{
	awk -v seed="$seed" -v round="$1" -v pods="$pods" -v nodes="$folder/nodes.csv" -v list="$folder/pods.csv" 'BEGIN {
		srand(seed + round)
		print "sn,cpu_milli,memory_mib,gpu,model" >nodes
		for (i = 0; i < pods / 12; i++)
			printf "node-%04d,96000,393216,%d,%s\n", i, 2 ^ int(rand() * 4), rand() < 0.6 ? "T4" : "V100M16" >nodes
		print "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec" >list
		for (i = 0; i < pods; i++) {
			gpus = rand() < 0.15 ? 0 : rand() < 0.9 ? 1 : 2
			milli = gpus == 1 ? 10 * (1 + int(rand() * 100)) : 1000
			printf "pod-%05d,%d,%d,%d,%d,%s\n", i, 1000 * (1 + int(rand() * 8)), 1024 * (1 + int(rand() * 32)), gpus,
				gpus ? milli : 0, rand() < 0.2 ? "V100M16" : "" >list
		}
	}'
}

# The process that a kill of this name means now; nothing when there is none.
victim_find() # VICTIM PICK
{
	case $1 in
	supervisor) echo "$server_pid" ;;
	postmaster) head -n 1 "$folder/data/postgres/postmaster.pid" 2>/dev/null || true ;;
	backend) backends | pick "$2" ;;
	agent) children_of "$replay_pid" | pick "$2" ;;
	*) server_process "$1" | pick "$2" ;;
	esac
}

backends()
{
	children_of "$(head -n 1 "$folder/data/postgres/postmaster.pid" 2>/dev/null)" | while read -r child; do
		! command_of "$child" | grep -q '^postgres: reeve ' || echo "$child"
	done
}

pick() # NUMBER: one of the lines that come in
{
	awk -v pick="$1" '{ v[NR] = $0 } END { if (NR) print v[pick % NR + 1] }'
}

# Between the first call and the last: the progress that replay prints.
replay_sends()
{
	is_running "$replay_pid" && replay_progress | awk '{ exit !($1 > 0 && $1 < $2) }'
}

replay_progress() # "SENT ALL"
{
	tr '\r' '\n' <"$folder/replay.log" | sed -n 's/^\([0-9]*\) of \([0-9]*\) pods.*/\1 \2/p' | tail -n 1 | grep . || echo 0 1
}

replay_has_begun()
{
	is_running "$replay_pid" || fail "the replay ended before it began: $(tail -n 3 "$folder/replay.log")"
	replay_sends
}

kill_one() # VICTIM PICK
{
	kill_pid=
	kill_tries=100
	while [ -z "$kill_pid" ] && [ $kill_tries -gt 0 ]; do
		kill_pid=$(victim_find "$1" "$2")
		kill_tries=$((kill_tries - 1))
		[ -n "$kill_pid" ] || sleep 0.05
	done
	replay_sends && [ -n "$kill_pid" ] && kill -KILL "$kill_pid" 2>/dev/null || return 0
	kills_made=$((kills_made + 1))
	echo "    $(replay_progress | cut -d ' ' -f 1) pods sent: killed $1 ($kill_pid)"
	[ "$1" != supervisor ] || server_start
}

kill_all() # ROUND
{
	kills_made=0
	plan "$1" >"$folder/plan"
	while read -r kill_delay kill_victim kill_pick; do
		sleep "$kill_delay"
		replay_sends || break
		kill_one "$kill_victim" "$kill_pick"
	done <"$folder/plan"
}

# Whether all books agree; the reasons are printed.
books_hold()
{
	await "the books to be read" books_are_read
	grep -q '"is_intact":true' "$folder/books" || {
		echo "    the server: $(cat "$folder/books")"
		return 1
	}
	reckoned=$(server_sql "$(cat "$here/reckoning.sql")")
	[ -z "$reckoned" ] || {
		echo "    the reckoning: $reckoned"
		return 1
	}
}

books_are_read()
{
	call GET /v1/audit:verify >"$folder/books" 2>/dev/null
}

# A fault in the books, as a lost update would leave it.
fault_is_seen()
{
	server_sql "UPDATE tenant_use SET device_milli = device_milli + 1
		WHERE (tenant_key, model) = (SELECT tenant_key, model FROM tenant_use ORDER BY device_milli DESC LIMIT 1)"
	if books_hold >"$folder/planted"; then
		fail "a planted fault in the totals was not seen"
	fi
	[ -n "$(server_sql "$(cat "$here/reckoning.sql")")" ] || fail "the reckoning did not see the planted fault"
	echo "  a planted fault was seen"
}

# One round; leaves how many kills were made.
round() # ROUND
{
	server_init chaos-kill
	server_start --edges 2
	workload "$1"
	spawn replay "$REEVE_BIN/reeve" replay --nodes "$folder/nodes.csv" --pods "$folder/pods.csv" --batch $batch \
		--folder "$folder/agents" --give-up-s 60
	replay_pid=$spawn_pid
	replay_job=$!
	await "the replay to send" replay_has_begun
	kill_all "$1"
	replay_end
	await "the server to be ready again" curl -fs -m 5 "http://$server_plain/readyz"
	books_hold || fail "the books do not hold (REEVE_SEED=$seed)"
	echo "  round $1: $kills_made kills, $(grep -a '^time' "$folder/replay.log" | tr -s ' ')"
	echo $kills_made >"$REEVE_STATE/chaos-kill.made"
	[ "$2" != last ] || [ $kills_made -lt "$kills" ] || fault_is_seen
}

# Replay gives up by itself when it must; its exit code says whether its own checks held.
replay_end()
{
	wait "$replay_job" && return 0
	tr '\r' '\n' <"$folder/replay.log" | grep -v ' pods, ' | tail -n 20
	fail "the replay's own checks did not hold (REEVE_SEED=$seed)"
}

echo "  seed $seed: $rounds rounds of $kills kills over $pods pods"
counted=0 tried=0
while [ $counted -lt "$rounds" ]; do
	tried=$((tried + 1))
	[ $tried -le $((rounds + voids_max)) ] || fail "too many rounds had ended before their kills were made"
	last=
	[ $((counted + 1)) -lt "$rounds" ] || last=last
	rm -f "$REEVE_STATE/chaos-kill.made"
	# Not as a condition: the shell would not stop at errors in it.
	set +e
	(
		set -e
		round $tried "$last"
	)
	status=$?
	set -e
	[ $status -eq 0 ] || exit $status
	[ "$(cat "$REEVE_STATE/chaos-kill.made")" -lt "$kills" ] || counted=$((counted + 1))
done
rm -f "$REEVE_STATE/chaos-kill.made"
echo "  $counted rounds counted, of $tried"
