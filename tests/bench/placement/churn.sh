# The study's shapes with departures: made arrivals, own life times up to four hours, a pod that does not fit is lost.
churn_full_count=200000

# List, load, the published policy's time average and ours to reach without moves ("-": none), of 200,000 arrivals, seed 1.
churn_rows()
{
	cat <<'TABLE'
default     1.0  93.49  94.5
default     1.1  95.58  95.58
gpuspec10   1.0  94.53  94.53
gpushare40  1.0  92.67  92.67
TABLE
}

churn_table()
{
	count=$REEVE_SIZE_PLACEMENT_CHURN
	rows=4
	churn_policies=$policies
	if [ "$count" -lt $churn_full_count ]; then
		rows=1
		churn_policies="reference fragmentation binpack"
	fi
	echo
	echo "  with departures, judged: allocated GPUs in % over time, $(thousands "$count") arrivals"
	[ "$count" -ge $churn_full_count ] ||
		echo "  (the published figures are of $(thousands $churn_full_count): so few fill the cluster for a part of the time only)"
	printf '  %-11s %-5s %-14s %12s %8s %18s %11s\n' list load policy 'time average' lost 'moves per 1000' decisions/s
	churn_rows | head -n $rows >"$folder/churn-rows"
	while read -r list load theirs ours; do
		printf '  %-11s %-5s %-14s %12s\n' "$list" "$load" '(published)' "$theirs"
		order=$folder/churn-$list-$load
		python3 "$tools/churn.py" "$trace/$nodes_list" "$trace/openb_pod_list_$list.csv" "$order" --load "$load" \
			--count "$count" --seed 1 --cap-hours 4 >/dev/null
		for policy in $churn_policies; do
			churn_row "$list" "$load" "$policy" "$ours"
		done
	done <"$folder/churn-rows"
}

churn_row() # LIST LOAD POLICY GOAL
{
	if ! knows "$3"; then
		printf '  %-11s %-5s %-14s not there\n' "$1" "$2" "$3"
		return 0
	fi
	simulate_judged "$3" || return 0
	printf '  %-11s %-5s %-14s %12s %8s %18s %11s\n' "$1" "$2" "$3" "$(judged time_average)" "$(judged fails)" \
		"$(judged moves | awk -v count="$count" '{ printf "%.2f", $1 * 1000 / count }')" "$(said decisions_per_s)"
	if [ "$3" = fragmentation ] && [ "$count" -ge $churn_full_count ]; then
		goal "fragmentation, $1, load $2, time average" "$(judged time_average)" at-least "$4"
	fi
}
