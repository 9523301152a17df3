# What a decision costs: on the study's cluster, on made ones of any size, and beside a plain read of as many bytes as the state
# of all nodes takes at least.
node_bytes=12 # eight GPUs to a hundredth, cores and memory in two bytes each

made_order() # NODES PODS [DISTINCT]
{
	order=$folder/made
	mkdir -p "$order"
	awk -v what=nodes -v n="$1" -f "$parts/synthetic.awk" >"$order/nodes.csv"
	awk -v what=pods -v n="$2" -v distinct="${3:-0}" -f "$parts/synthetic.awk" >"$order/pods.csv"
}

scan_ns() # BYTES
{
	"$REEVE_BENCH_BIN/scan" "$1"
}

speed_head()
{
	printf '  %-44s %11s %8s %8s %9s %8s %8s %7s %6s\n' "$1" decisions/s 'p50 us' 'p99 us' 'max us' 'scan us' p50/scan MiB 'cpu %'
}

us()
{
	echo "$1" | awk '{ printf "%.1f", $1 / 1000 }'
}

# A row of the last run.
speed_row() # WHAT
{
	scan=$(scan_ns $(($(said nodes) * node_bytes)))
	printf '  %-44s %11s %8s %8s %9s %8s %8s %7s %6s\n' "$1" "$(said decisions_per_s)" "$(us "$(said p50_ns)")" "$(us "$(said p99_ns)")" \
		"$(us "$(said max_ns)")" "$(echo "$scan" | awk '{ printf "%.2f", $1 / 1000 }')" \
		"$(echo "$(said p50_ns) $scan" | awk '{ printf "%.1f", $1 / $2 }')" \
		"$(said engine_bytes | awk '{ printf "%.1f", $1 / 1048576 }')" \
		"$(echo "$(said cpu_us) $(said total_us)" | awk '{ printf "%.0f", $1 * 100 / $2 }')"
}

speed_table()
{
	echo
	echo "  speed of $main_policy, one thread, writing the log included; scan: reading $node_bytes bytes of each node once"
	echo "  cpu %: how much of the time the machine gave to it; times are the fastest of several runs, decision by decision"
	speed_head cluster
	if [ -d "$folder/default-42" ]; then
		order=$folder/default-42
		simulate "$main_policy" --log "$folder/log.csv" --repeat 5
		speed_row "the study's 1,213 nodes, default, seed 42"
		goal "decisions/s at 1,213 nodes" "$(said decisions_per_s)" at-least 150000
	fi
	made_order 10000 "$REEVE_SIZE_PLACEMENT_DISTINCT" 1
	simulate "$main_policy" --log "$folder/log.csv" --repeat 3
	speed_row "10,000 nodes x 8, every request another shape"
	goal "decisions/s at 10,000 nodes, distinct shapes" "$(said decisions_per_s)" at-least 10000
}

# 120,000 pods fill 80,000 GPUs: over 100,000 run at the end, and the rest is refused.
memory_table()
{
	made_order 10000 120000
	simulate "$main_policy" --log "$folder/log.csv" --repeat 3
	speed_row "10,000 nodes x 8, $(thousands "$(said placed)") pods running"
	goal "decisions/s at 10,000 nodes" "$(said decisions_per_s)" at-least 50000
	goal "p99 there, us" "$(us "$(said p99_ns)")" at-most 100
	goal "pods running there" "$(said placed)" at-least 100000
	goal "memory of fleet and search there, MiB" "$(said engine_bytes | awk '{ printf "%.1f", $1 / 1048576 }')" at-most 64
	refusal_row
}

refusal_row()
{
	placed=$(said placed_mean_ns)
	refused=$(said refused_mean_ns)
	printf '  %-44s %s us placed, %s us refused\n' "the mean decision there" "$(us "$placed")" "$(us "$refused")"
	[ "$(said refused)" -gt 0 ] || return 0
	goal "a refusal, as part of a placement" "$(echo "$refused $placed" | awk '{ printf "%.2f", $1 / $2 }')" at-most 1
}

scale_table()
{
	echo
	echo "  the same with more and more nodes x 8, the first $(thousands "$REEVE_SIZE_PLACEMENT_PODS") pods at most, 10 a node"
	speed_head nodes
	for nodes in 1000 3000 10000 30000 100000; do
		pods=$((nodes * 10))
		[ $pods -le "$REEVE_SIZE_PLACEMENT_PODS" ] || pods=$REEVE_SIZE_PLACEMENT_PODS
		made_order $nodes "$pods"
		repeat=3
		[ $nodes -le 10000 ] || repeat=1
		simulate "$main_policy" --log "$folder/log.csv" --repeat $repeat
		speed_row "$(thousands $nodes)"
	done
}
