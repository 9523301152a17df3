# Filling the study's cluster in the study's order: the mean over seeds from 42 on, beside what the study published.
fill_lists="default gpushare40 multigpu20 gpuspec10"

# Means of the study's own runs (ten seeds) at 95, 100 and 130 % arrived; "-" where it is not known. Then what seed 42 must
# give with the published policy: at 100 %, at the end, refusals. Then where this project wants to be at 100 %.
fill_published()
{
	cat <<'TABLE'
default     94.91  95.23  95.39  95.14  95.29   2532  96.2
gpushare40  -      93.96  94.15  94.06  94.246  2784  94.8
multigpu20  -      95.53  95.65  95.38  95.511  2093  96.7
gpuspec10   -      94.66  94.95  94.49  94.727  2559  96.2
TABLE
}

published() # LIST COLUMN
{
	fill_published | awk -v list="$1" -v column="$2" '$1 == list { print $column }'
}

fill_table()
{
	echo
	echo "  filled, judged: allocated GPUs in % at 95, 100 and 130 % of demand arrived, at the end; mean of $REEVE_SIZE_PLACEMENT_SEEDS seed(s) from 42"
	printf '  %-11s %-14s %7s %15s %7s %8s %8s %12s %11s\n' list policy 95 100 130 end refused 'first refused' decisions/s
	for list in $fill_lists; do
		printf '  %-11s %-14s %7s %15s %7s %8s %8s %12s %11s\n' "$list" '(published)' "$(published "$list" 2)" \
			"$(published "$list" 3)" "$(published "$list" 4)" - - - -
		for policy in $policies; do
			fill_row "$list" "$policy"
		done
	done
	fill_goals
}

fill_row() # LIST POLICY
{
	if ! knows "$2"; then
		printf '  %-11s %-14s not there\n' "$1" "$2"
		return
	fi
	runs=$folder/runs-$1-$2
	: >"$runs"
	seed=42
	while [ $seed -lt $((42 + REEVE_SIZE_PLACEMENT_SEEDS)) ]; do
		order_make "$1" $seed
		simulate_judged "$2" || return 0
		echo "$seed $(judged 95) $(judged 100) $(judged 130) $(judged final) $(judged fails) $(judged first_refusal_at)" \
			"$(said decisions_per_s)" >>"$runs"
		seed=$((seed + 1))
	done
	fill_mean "$1" "$2" <"$runs"
}

fill_mean() # LIST POLICY
{
	awk -v list="$1" -v policy="$2" '
		{ for (i = 2; i <= 8; i++) sum[i] += $i; squares += $3 * $3 }
		END {
			spread = NR > 1 ? (squares - sum[3] * sum[3] / NR) / (NR - 1) : 0
			printf "  %-11s %-14s %7.2f %7.2f +- %4.2f %7.2f %8.3f %8.0f %12.2f %11.0f\n", list, policy, sum[2] / NR, sum[3] / NR,
				sqrt(spread > 0 ? spread : 0), sum[4] / NR, sum[5] / NR, sum[6] / NR, sum[7] / NR, sum[8] / NR
		}'
}

fill_goals()
{
	for list in $fill_lists; do
		! knows reference || fill_goal_reference "$list"
		! knows fragmentation || fill_goal_own "$list"
	done
}

# Decision for decision cannot be told from three figures, but a difference anywhere moves them.
fill_goal_reference() # LIST
{
	is=$(awk '$1 == 42 { print $3 + 0, $5 + 0, $6 }' "$folder/runs-$1-reference")
	should="$(published "$1" 5) $(published "$1" 6) $(published "$1" 7)"
	if [ "$is" = "$should" ]; then
		echo "  reference equals the published policy, $1, seed 42: $is"
	else
		echo "  reference, $1, seed 42: $is, the published policy $should  NOT HELD"
		goals_missed=$((goals_missed + 1))
	fi
}

fill_goal_own() # LIST
{
	for column in 2 3 4; do
		bound=$(published "$1" $column)
		at=$(echo "95 100 130" | cut -d ' ' -f $((column - 1)))
		[ $column -ne 3 ] || bound=$(published "$1" 8)
		[ "$bound" != - ] || continue
		[ $column -eq 3 ] || bound=$(echo "$bound" | awk '{ print $1 - 0.05 }')
		is=$(awk -v column=$column '{ sum += $column } END { if (NR) printf "%.3f", sum / NR; else print 0 }' \
			"$folder/runs-$1-fragmentation")
		goal "fragmentation, $1, allocated at $at %" "$is" at-least "$bound"
	done
}
