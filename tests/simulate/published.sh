#!/bin/sh
# usage: published.sh REEVE
#
# The published decisions hold: on the study's lists, in the study's order of seed 42, `--policy reference` comes to the
# allocation and the refusals that the study's own simulator comes to. Short: the default list alone. Skipped without the
# study's lists (REEVE_TRACE) and orders.py (REEVE_PLACEMENT).
set -eu
reeve=$1
root=$(CDPATH='' cd -- "$(dirname -- "$0")/../.." && pwd -P)
trace=${REEVE_TRACE:-$root/../shared/data/openb}
tools=${REEVE_PLACEMENT:-$root/../shared/tools/placement}
[ -f "$trace/openb_pod_list_default.csv" ] || {
	echo "skipped: the study's lists are not in $trace; REEVE_TRACE names another folder"
	exit 77
}
[ -f "$tools/orders.py" ] && command -v python3 >/dev/null || {
	echo "skipped: no orders.py in $tools, or no python3; REEVE_PLACEMENT names another folder"
	exit 77
}
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

# List, allocation in % at 100 % of arrived demand and at the end, pods refused.
lists()
{
	cat <<'TABLE'
default     95.14 95.290 2532
gpushare40  94.06 94.246 2784
multigpu20  95.38 95.511 2093
gpuspec10   94.49 94.727 2559
TABLE
}
rows=1
[ "${REEVE_SIZE:-short}" = short ] || rows=4

said() # MEMBER
{
	sed -n "s/.*\"$1\":\\([0-9]*\\).*/\\1/p" "$folder/run.json"
}

wrong=0
lists | head -n "$rows" >"$folder/lists"
while read -r list at_100 final refused; do
	python3 "$tools/orders.py" "$trace/openb_node_list_gpu_node.csv" "$trace/openb_pod_list_$list.csv" "$folder/$list" \
		--seed 42 >/dev/null
	"$reeve" simulate --nodes "$folder/$list/nodes.csv" --pods "$folder/$list/pods.csv" --policy reference --json \
		>"$folder/run.json"
	got_100=$(sed -n 's/.*"arrived_percent":100,"allocated_ppm":\([0-9]*\).*/\1/p' "$folder/run.json")
	got=$(echo "$got_100 $(said final_ppm)" | awk '{ printf "%.2f %.3f", $1 / 1e4, $2 / 1e4 }')
	echo "$list: $got, $(said refused) refused"
	[ "$got $(said refused)" = "$at_100 $final $refused" ] || {
		echo "$list: published are $at_100 $final, $refused refused"
		wrong=1
	}
done <"$folder/lists"
exit $wrong
