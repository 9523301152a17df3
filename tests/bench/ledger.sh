#!/bin/sh
# ledger: how fast placements are charged to a tree of 10,000 tenants, beside pgbench's guarded updates on the same PostgreSQL
#
# TLS, row-level security and audit are on; the tree is four levels of 9, 90, 900 and 9,000 tenants, made by one manifest, limits on
# its two upper levels, and requests go to all leaves in turn. Figures are medians over rounds, ratios are of one round each. The placer alone: its
# inbox is filled in one transaction while nobody calls, and its agent is stopped; the figure is what it decides and commits a second.
#
#     REEVE_BENCH_ROUNDS (5), REEVE_BENCH_SECONDS (3): how often, and how long each time
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
. "$root/tests/support/script/server.sh"
. "$root/tests/support/script/measure.sh"
. "$root/tests/support/script/load.sh"
rounds=${REEVE_BENCH_ROUNDS:-5}
seconds=${REEVE_BENCH_SECONDS:-3}
connections=64
clients=16
nodes=64
leaves=9000
alone=30000

tree_manifest()
{
	awk 'function limit(n) { return "\"quota\":{\"models\":{\"bench-80g\":{\"limit\":{\"device_milli\":" n ",\"memory_mib\":" n "}}}}" }
	function level(depth, fan,   i) {
		printf "\"tenants\":{"
		for (i = 0; i < fan; i++) {
			printf "%s\"%s%d\":{", i ? "," : "", substr("tuvw", depth, 1), i
			if (depth < 3)
				printf "%s%s", limit(1000000000), ","
			if (depth < 4)
				level(depth + 1, 10)
			printf "}"
		}
		printf "}"
	}
	BEGIN { printf "{\"manager\":\"bench\","; level(1, 9); print "}" }'
}

tree_make()
{
	tree_manifest | run_as_user tee "$folder/tree.json" >/dev/null
	tree_plan=$(call POST /v1/plans @"$folder/tree.json") || fail "$tree_plan"
	call POST "/v1/plans/$(printf '%s' "$tree_plan" | json_value plan_id):apply" '' -H 'If-Match: *' >/dev/null
	[ "$(server_sql 'SELECT count(*) FROM tenant WHERE depth = 4')" -eq $leaves ] || fail "the tree is not whole"
}

round()
{
	pgbench_drive pg_hot hot
	pgbench_drive pg_spread spread
	drive wait "$edge" "https://$server_tls/v1/placements?wait=5s" leaf.lua
	await "the inbox to be empty" inbox_is_empty
	pgbench_pace pg_paced insert
	BENCH_PACE_MS=61 drive paced "$edge" "https://$server_tls/v1/placements?wait=5s" leaf.lua
	await "the inbox to be empty" inbox_is_empty
	placer_alone
}

# Requests as the API stores them, one for each of many tenants, all at once.
placer_alone()
{
	kill -STOP "$agent_pid"
	alone_from=$((${alone_from:-0} + alone))
	server_sql "INSERT INTO inbox (kind, object_id, tenant_key, actor, request_id, body)
		SELECT 'place', 'plc_' || lpad(($alone_from + i)::text, 26, '0'), t.key, p.created_by, 'req_bench', p.request
		FROM (SELECT key, row_number() OVER (ORDER BY key) AS n FROM tenant WHERE depth = 4) t
		JOIN generate_series(1, $alone) i ON i % $leaves + 1 = t.n
		CROSS JOIN (SELECT created_by, request FROM placement LIMIT 1) p ORDER BY i"
	await "the inbox to be empty" inbox_is_empty
	kill -CONT "$agent_pid"
	server_sql "SELECT 'alone', round(count(*) / extract(epoch FROM max(granted_at) - min(granted_at))), 0, 0, 0, $alone - count(granted_at)
		FROM placement WHERE id > 'plc_' || lpad($alone_from::text, 26, '0') AND id <= 'plc_' || lpad(($alone_from + $alone)::text, 26, '0')" |
		tr '|' ' ' >>"$folder/figures"
}

table()
{
	printf '\n  %-58s %9s %9s %9s %9s\n' "medians of $rounds rounds of $seconds s, $(nproc) cores" "per s" 'cpu us' 'p50 ms' 'p99 ms'
	row pg_hot "pgbench, one guarded quota row and a grant, $clients clients"
	row pg_spread "pgbench, 1,000 guarded quota rows and a grant, $clients clients"
	row wait "POST placement?wait=5s, TLS, $connections connections"
	row paced "the same with pauses drawn, for about 1,000 a second"
	row pg_paced "pgbench, one insert a transaction, about 1,000 a second"
	row alone "the placer alone, $alone requests"
	echo
}

goals()
{
	goal "decisions by pgbench on one row" "$(ratio wait pg_hot 2)" at-least 2
	goal "decisions by pgbench on 1,000 rows" "$(ratio wait pg_spread 2)" at-least 0.7
	goal "p99 at about 1,000 a second, ms" "$(row_figure paced 5)" at-most 20
	goal "the placer alone, placements per second" "$(column alone 2 | median)" at-least 10000
	printf '  %-66s %10.0f  of 5,000 wanted\n' "decisions per second" "$(column wait 2 | median)"
}

server_init bench-ledger
server_start --edges 1
fleet_start
tree_make
edge=$(server_process edge)
yardstick_make
BENCH_TOKEN=$REEVE_TOKEN BENCH_LEAVES=$leaves
export BENCH_TOKEN BENCH_LEAVES
while [ "$rounds" -gt "$(column alone 2 | wc -l)" ]; do
	round
	printf '  round %s of %s\n' "$(column alone 2 | wc -l)" "$rounds"
done
honesty
table
goals
[ $goals_missed -eq 0 ] || exit 1
