# The study's shapes with departures: made arrivals, own life times up to four hours, a pod that does not fit is lost.
churn_full_count=200000

# Moves on top: at most two pods for one that would be refused, at most so many of 1,000 arrivals, and what they are to reach
# on the default list at load 1.0 in the main policy.
churn_moves=2
churn_moves_most=10
churn_moves_goal=95.2

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
	printf '  %-11s %-5s %-14s %-5s %12s %8s %18s %11s %10s\n' list load policy moves 'time average' lost 'moves per 1000' \
		decisions/s ms/search
	churn_rows | head -n $rows >"$folder/churn-rows"
	while read -r list load theirs ours; do
		printf '  %-11s %-5s %-14s %-5s %12s\n' "$list" "$load" '(published)' 0 "$theirs"
		order=$folder/churn-$list-$load
		python3 "$tools/churn.py" "$trace/$nodes_list" "$trace/openb_pod_list_$list.csv" "$order" --load "$load" \
			--count "$count" --seed 1 --cap-hours 4 >/dev/null
		for policy in $churn_policies; do
			churn_row "$list" "$load" "$policy" "$ours" 0
			churn_row "$list" "$load" "$policy" "$ours" $churn_moves
		done
	done <"$folder/churn-rows"
}

churn_row() # LIST LOAD POLICY GOAL MOVES
{
	if ! knows "$3"; then
		[ "$5" -gt 0 ] || printf '  %-11s %-5s %-14s not there\n' "$1" "$2" "$3"
		return 0
	fi
	simulate_judged "$3" --moves "$5" || return 0
	moved=$(judged moves | awk -v count="$count" '{ printf "%.2f", $1 * 1000 / count }')
	search=$(awk -v us="$(said move_search_us)" -v n="$(said move_searches)" 'BEGIN { if (n) printf "%.2f", us / n / 1000 }')
	printf '  %-11s %-5s %-14s %-5s %12s %8s %18s %11s %10s\n' "$1" "$2" "$3" "$5" "$(judged time_average)" "$(judged fails)" \
		"$moved" "$(said decisions_per_s)" "$search"
	[ "$3" = fragmentation ] && [ "$count" -ge $churn_full_count ] || return 0
	if [ "$5" -eq 0 ]; then
		goal "fragmentation, $1, load $2, time average" "$(judged time_average)" at-least "$4"
		return 0
	fi
	goal "fragmentation, $1, load $2, moves of 1,000 arrivals" "$moved" at-most $churn_moves_most
	[ "$1 $2" != 'default 1.0' ] ||
		goal "fragmentation, $1, load $2, moving, time average" "$(judged time_average)" at-least $churn_moves_goal
}
