#!/bin/sh
# placement: how much of the GPUs each policy allocates, judged decision by decision, and what a decision costs
#
# The engine in one process on one thread (reeve simulate). Three parts: the study's lists filled in the study's order, beside
# its published figures; the same shapes with departures; speed and memory on the study's cluster and on made ones.
# Policies that the engine does not know are rows "not there".
#
#     REEVE_TRACE      folder of the trace's lists (../shared/data/openb)
#     REEVE_PLACEMENT  folder of orders.py, churn.py and judge.py (../shared/tools/placement); without it or python3 only
#                      the made clusters are measured
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
parts=$here/placement
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/measure.sh"
. "$parts/run.sh"
. "$parts/fill.sh"
. "$parts/churn.sh"
. "$parts/speed.sh"
trace=${REEVE_TRACE:-$root/../shared/data/openb}
tools=${REEVE_PLACEMENT:-$root/../shared/tools/placement}
reeve=$REEVE_BIN/reeve
folder=$(mktemp -d "${REEVE_STATE:-/tmp}/bench-placement-XXXXXX")
trap 'rm -rf "$folder"' EXIT
export LC_ALL=C.UTF-8

known=$("$reeve" simulate --policies | awk '{ print $1 }')
# What the engine would use when nothing is said, once it is there.
main_policy=fragmentation
knows "$main_policy" || main_policy=binpack

if judge_is_there; then
	fill_table
	churn_table
fi
speed_table
memory_table
scale_table
[ "$goals_missed" -eq 0 ] || {
	echo
	echo "  $goals_missed goals are not held"
	exit 1
}
