# What a script measures, and how it tells: processor time and memory of a process, wrk, medians, goals.
clock_ticks=$(getconf CLK_TCK)
goals_missed=0

# Processor time of a process so far, in microseconds.
cpu_us() # PID
{
	sed 's/.*) //' "/proc/$1/stat" | awk -v ticks="$clock_ticks" '{ printf "%.0f\n", ($12 + $13) * 1000000 / ticks }'
}

rss_kib() # PID
{
	awk '/^VmRSS:/ { print $2 }' "/proc/$1/status"
}

fds_of() # PID
{
	find "/proc/$1/fd" -mindepth 1 | wc -l
}

# The median of the numbers that come in, one a line.
median()
{
	sort -n | awk '{ v[NR] = $1 } END { if (NR) print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'
}

# A row of the goals: whether a figure is where it should be. HOW is at-most or at-least.
goal() # WHAT FIGURE HOW BOUND
{
	goal_word=$(awk -v a="$2" -v how="$3" -v b="$4" 'BEGIN { print (how == "at-most" ? a <= b : a >= b) ? "held" : "NOT HELD" }')
	printf '  %-66s %10s  %s %-7s %s\n' "$1" "$2" "$(printf '%s' "$3" | tr - ' ')" "$4" "$goal_word"
	[ "$goal_word" = held ] || goals_missed=$((goals_missed + 1))
}
