# What the parts of the placement bench share: orders, runs, the judge's figures.
policies="reference fragmentation binpack spread topology cost hami"

knows() # POLICY
{
	printf '%s\n' "$known" | grep -qx "$1"
}

judge_is_there()
{
	if ! [ -f "$trace/openb_pod_list_default.csv" ]; then
		echo "  skipped: the trace is not in $trace (REEVE_TRACE names another folder)"
		return 1
	fi
	if ! [ -f "$tools/judge.py" ] || ! command -v python3 >/dev/null; then
		echo "  skipped: no judge.py in $tools (REEVE_PLACEMENT names another folder), or no python3"
		return 1
	fi
}

nodes_list=openb_node_list_gpu_node.csv

# Makes the order folder LIST-SEED of the study and sets $order to it.
order_make() # LIST SEED
{
	order=$folder/$1-$2
	[ -d "$order" ] || python3 "$tools/orders.py" "$trace/$nodes_list" "$trace/openb_pod_list_$1.csv" "$order" \
		--seed "$2" >/dev/null
}

# Runs a policy on the order folder $order; what it says goes to $folder/run.json.
simulate() # POLICY [OPTION...]
{
	simulate_policy=$1
	shift
	"$reeve" simulate --nodes "$order/nodes.csv" --pods "$order/pods.csv" --policy "$simulate_policy" --json "$@" \
		>"$folder/run.json"
}

# A figure of the last run; nothing when it is not there.
said() # MEMBER
{
	sed -n "s/.*\"$1\":\\([0-9]*\\).*/\\1/p" "$folder/run.json"
}

# The same and judged; fails when a decision is illegal or a pod was refused that would fit.
simulate_judged() # POLICY [OPTION...]
{
	simulate "$@" --log "$folder/log.csv"
	python3 "$tools/judge.py" "$order" "$folder/log.csv" --strict --move-cap 2 --json >"$folder/judged.json" || {
		echo "  ILLEGAL: $1 on ${order##*/}: $(sed 's/.*"errors": \(\[[^]]*\]\).*/\1/' "$folder/judged.json" | cut -c 1-300)"
		goals_missed=$((goals_missed + 1))
		return 1
	}
}

judged() # MEMBER
{
	sed -n "s/.*\"$1\": \\([0-9.]*\\)[,}].*/\\1/p" "$folder/judged.json"
}

# "1234567" as "1,234,567".
thousands()
{
	echo "$1" | awk '{ for (n = $1; length(n) > 3; n = substr(n, 1, length(n) - 3)) s = "," substr(n, length(n) - 2) s; print n s }'
}
