#!/bin/sh
# memory: what each process of reeved holds at rest, and whether it grows with requests
#
# The resident set of every process at rest, after a tenth of the requests, and after all of them (REEVE_SIZE_REQUESTS; a
# million with --full): good and refused requests in turn, plain and over TLS. What is claimed for a million is judged
# there; the short run takes a leak of a few bytes per request for noise, and tells only a gross one.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/server.sh"
. "$root/tests/support/script/measure.sh"
idle_kib=20480
growth_percent=1
[ "${REEVE_SIZE:-short}" = full ] || growth_percent=10
connections=32

roles="placer worker edge"

# PHASE ROLE RSS FDS, for each process.
look() # PHASE
{
	echo "$1 supervisor $(rss_kib "$server_pid") $(fds_of "$server_pid")"
	for role in $roles; do
		pid=$(server_process "$role")
		echo "$1 $role $(rss_kib "$pid") $(fds_of "$pid")"
	done
} >>"$folder/looks"

# wrk goes by time: short stretches until the requests are many enough. Each has its turn plain and over TLS, since buffers for
# either are kept once they were needed.
drive_to() # REQUESTS
{
	while [ "$requests" -lt "$1" ] || [ $stretch -lt 4 ] || [ $((stretch % 2)) -ne 0 ]; do
		url=http://$server_plain
		[ $((stretch % 2)) -eq 0 ] || url=https://$server_tls
		said=$(wrk -t1 -c$connections -d1s --timeout 10s -s "$here/wrk/mix.lua" "$url" | grep '^WRK')
		requests=$((requests + $(echo "$said" | cut -d ' ' -f 2)))
		failed=$((failed + $(echo "$said" | cut -d ' ' -f 6)))
		stretch=$((stretch + 1))
	done
	sleep 1
}

# The largest pieces of work there are: what is kept for them must not pass for growth when chance brings them later.
burst()
{
	awk 'BEGIN {
		printf "{\"items\":["
		for (i = 0; i < 1000; i++)
			printf "%s{\"tenant\":\"bench\",\"queue\":false,\"devices\":[{\"count\":1}]}", (i ? "," : "")
		print "]}"
	}' >"$folder/burst.json"
	for _ in 1 2 3 4 5; do
		call POST '/v1/placements:batch?wait=30s' "@$folder/burst.json" >/dev/null
	done
}

figure() # PHASE ROLE COLUMN
{
	awk -v phase="$1" -v role="$2" -v column="$3" '$1 == phase && $2 == role { print $column }' "$folder/looks"
}

judge()
{
	printf '\n  %-12s %12s %18s %18s %9s\n' KiB 'at rest' "after $warm" "after $requests" files
	for role in supervisor $roles; do
		printf '  %-12s %12s %18s %18s %4s %4s\n' "$role" "$(figure rest "$role" 3)" "$(figure warm "$role" 3)" \
			"$(figure end "$role" 3)" "$(figure warm "$role" 4)" "$(figure end "$role" 4)"
	done
	echo
	for role in supervisor $roles; do
		goal "$role at rest, KiB" "$(figure rest "$role" 3)" at-most $idle_kib
		goal "$role, growth in percent" "$(growth "$role")" at-most $growth_percent
	done
}

growth() # ROLE
{
	echo "$(figure warm "$1" 3) $(figure end "$1" 3)" | awk '{ printf "%.2f\n", ($2 - $1) * 100 / $1 }'
}

server_init bench-memory
server_start --edges 1
call POST /v1/tenants '{"name":"bench"}' >/dev/null
BENCH_TOKEN=$REEVE_TOKEN
export BENCH_TOKEN
requests=0 failed=0 stretch=0
sleep 1
look rest
burst
drive_to $((REEVE_SIZE_REQUESTS / 10))
warm=$requests
look warm
all=$REEVE_SIZE_REQUESTS
[ "$all" -gt $((warm * 2)) ] || all=$((warm * 2))
drive_to "$all"
look end
judge
[ "$failed" -eq 0 ] || fail "$failed requests got no answer"
call GET /v1/audit:verify | grep -q '"is_intact":true' || fail "the books do not hold"
[ $goals_missed -eq 0 ] || exit 1
