#!/bin/sh
# replay: the openb trace through the front door of a fresh server, by the clock; and the judge's word on a log without waiting
#
#     REEVE_TRACE   folder of the trace's lists (../shared/data/openb)
#     REEVE_JUDGE   the judge (../shared/tools/placement/judge.py); without it or python3, replay's own checks stand alone
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
. "$root/tests/support/script/server.sh"
. "$root/tests/support/script/measure.sh"
trace=${REEVE_TRACE:-$root/../shared/data/openb}
judge=${REEVE_JUDGE:-$root/../shared/tools/placement/judge.py}
most_s=20
if ! [ -f "$trace/openb_pod_list_default.csv" ]; then
	echo "skipped: the trace is not in $trace (REEVE_TRACE names another folder)"
	exit 0
fi

# A fresh server each time; the lists are copied, because the user may not reach them.
replay() # NAME [OPTION...]
{
	server_init "bench-replay-$1"
	run_as_user tee "$folder/nodes.csv" <"$trace/openb_node_list_gpu_node.csv" >/dev/null
	run_as_user tee "$folder/pods.csv" <"$trace/openb_pod_list_default.csv" >/dev/null
	shift
	server_start --edges 1
	run_as_user mkdir -p "$folder/log"
	begun=$(date +%s%N)
	run_as_user "$REEVE_BIN/reeve" replay --nodes "$folder/nodes.csv" --pods "$folder/pods.csv" --quiet \
		--folder "$folder/agents" "$@" || fail "the replay did not hold"
	took_s=$(echo "$begun $(date +%s%N)" | awk '{ printf "%.1f", ($2 - $1) / 1e9 }')
}

judged()
{
	if ! [ -f "$judge" ] || ! command -v python3 >/dev/null; then
		echo "  not judged: no $judge (REEVE_JUDGE names another), or no python3"
		return 0
	fi
	python3 "$judge" "$folder/log" "$folder/log/decisions.csv" || fail "the judge found illegal decisions"
}

default_list()
{
	replay default
	echo
	goal "the whole replay, joining and checks included, s" "$took_s" at-most "$most_s"
	exit "$goals_missed"
}

no_wait()
{
	replay no-wait --no-wait --log "$REEVE_STATE/bench-replay-no-wait/log/decisions.csv"
	judged
}

# Each in its own shell: a server ends with the shell that began it. Not as a condition: the shell would not stop at errors in it.
worst=0
for part in default_list no_wait; do
	set +e
	(
		set -e
		$part
	)
	status=$?
	set -e
	[ $status -eq 0 ] || worst=1
done
exit $worst
