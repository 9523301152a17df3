#!/bin/sh
# clusters: one server and very many clusters: how soon each acks what is decided for it, and how soon all are back
#
# REEVE_SIZE_CLUSTERS simulated clusters, each with an agent of its own in one process (reeve-agent --clusters), under one reeved
# over TLS. Placements go to all of them in turn at about 200 a second; from the decision until the cluster's agent has told that
# it accepted, by the server's own clock. Then the server is restarted, gets one placement for each
# cluster, and it is seen when the last of them is acked.
# Goals: p99 below one second, all back within 60 s.
#
#     REEVE_BENCH_SECONDS (20): how long placements come
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/server.sh"
. "$root/tests/support/script/measure.sh"
clusters=$REEVE_SIZE_CLUSTERS
seconds=${REEVE_BENCH_SECONDS:-20}
connections=20
pace_ms=94 # of each connection, beside the answer itself: a little over 200 requests a second
nodes=1
. "$root/tests/support/script/load.sh"

# Makes the clusters, and their tokens, one a line.
clusters_make()
{
	awk -v n="$clusters" -v url="http://$server_plain/v1/clusters" -v token="$REEVE_TOKEN" -v folder="$folder" 'BEGIN {
		for (i = 1; i <= n; i++) {
			if (i > 1)
				print "next"
			printf "url = \"%s\"\nheader = \"Authorization: Bearer %s\"\nheader = \"Content-Type: application/json\"\n", url, token
			printf "data = \"{\\\"name\\\":\\\"c%05d\\\",\\\"accept\\\":true,\\\"join_token_ttl_s\\\":86400}\"\nsilent\nfail-with-body\n", i
			printf "output = \"%s/joins/%05d\"\n", folder, i
		}
	}' >"$folder/joins.curl"
	run_as_user mkdir -p "$folder/joins"
	run_as_user curl -K "$folder/joins.curl" || fail "the clusters could not be made"
	awk 'match($0, /"join_token":"[^"]*/) { print substr($0, RSTART + 14, RLENGTH - 14) }' "$folder"/joins/* |
		run_as_user tee "$folder/tokens" >/dev/null
	[ "$(wc -l <"$folder/tokens")" -eq "$clusters" ] || fail "$(wc -l <"$folder/tokens") tokens for $clusters clusters"
}

agents_start()
{
	run_as_user mkdir -p "$folder/agents"
	fleet_scene | run_as_user tee "$folder/scene.json" >/dev/null
	spawn agents "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --join-token-file "$folder/tokens" \
		--state-dir "$folder/agents" --simulate "$folder/scene.json" --clusters "$clusters" --log-level warn
	agents_pid=$spawn_pid
}

agents_known()
{
	is_running "$agents_pid" || fail "the agents ended: $(tail -n 2 "$folder/agents.log")"
	[ "$(server_sql "SELECT count(DISTINCT cluster_key) FROM node")" -eq "$clusters" ]
}

now_ms()
{
	date +%s%3N
}

quota_open()
{
	call PUT /v1/device-classes/bench-80g '{"vendor":"bench","memory_mib":81920,"slots":1000}' -H 'If-None-Match: *' >/dev/null
	call POST /v1/tenants '{"name":"bench"}' >/dev/null
	call PUT /v1/tenants/bench/quota '{"models":{"bench-80g":{"limit":{"device_milli":1000000000,"memory_mib":1000000000}}}}' \
		-H "If-Match: $(fleet_quota_tag)" >/dev/null
}

load_drive()
{
	BENCH_TOKEN=$REEVE_TOKEN BENCH_CLUSTERS=$clusters BENCH_PACE_MS=$pace_ms
	export BENCH_TOKEN BENCH_CLUSTERS BENCH_PACE_MS
	drive placed "$(server_process edge)" "https://$server_tls/v1/placements?wait=5s" clusters.lua
}

# Placements without an ack, and the milliseconds from decision to ack: p50, p99, the most.
acks()
{
	server_sql "SELECT count(*) FILTER (WHERE acked IS NULL), round(percentile_disc(0.5) WITHIN GROUP (ORDER BY ms)),
			round(percentile_disc(0.99) WITHIN GROUP (ORDER BY ms)), round(max(ms)), count(*)
		FROM (SELECT a.at AS acked, extract(epoch FROM a.at - g.at) * 1000 AS ms
			FROM (SELECT placement_id, min(at) AS at FROM decision WHERE action = 'grant' GROUP BY 1) g
			LEFT JOIN (SELECT placement_id, min(at) AS at FROM decision WHERE action = 'step' GROUP BY 1) a
				USING (placement_id)) x" | tr '|' ' '
}

all_acked()
{
	[ "$(acks | cut -d ' ' -f 1)" -eq 0 ]
}

# One placement for every cluster, as soon as the server takes them: a cluster is back when it has acked its own.
return_measure()
{
	server_stop
	stopped_ms=$(now_ms)
	server_start
	ready_ms=$(now_ms)
	awk -v n="$clusters" 'BEGIN {
		printf "{\"items\":["
		for (i = 1; i <= n; i++)
			printf "%s{\"tenant\":\"bench\",\"clusters\":[\"c%05d\"],\"devices\":[{\"count\":1,\"memory_mib\":16}]}", (i > 1 ? "," : ""), i
		print "]}"
	}' >"$folder/all.json"
	call POST /v1/placements:batch "@$folder/all.json" >/dev/null
	until all_acked && [ "$(acks | cut -d ' ' -f 5)" -eq $((placed + clusters)) ]; do
		[ $(($(now_ms) - stopped_ms)) -lt 300000 ] || fail "after 300 s $(acks | cut -d ' ' -f 1) clusters are not back"
		sleep 0.2
	done
	back_ms=$(now_ms)
}

server_init bench-clusters
server_start --edges 1
quota_open
: >"$folder/figures"
begun_ms=$(now_ms)
clusters_make
made_ms=$(now_ms)
agents_start
server_limit_s=600
await "$clusters clusters to be known" agents_known
known_ms=$(now_ms)
load_drive
await "all acks" all_acked
# shellcheck disable=SC2046 # words
set -- $(acks)
placed=$5
acked_p50=$2 acked_p99=$3 acked_most=$4
return_measure

echo "  $clusters clusters, 2 cores"
printf '  made in %.1f s, joined and known in %.1f s; the agents hold %d MiB, the edge %d MiB, the placer %d MiB\n' \
	"$(echo "$made_ms $begun_ms" | awk '{ print ($1 - $2) / 1000 }')" "$(echo "$known_ms $made_ms" | awk '{ print ($1 - $2) / 1000 }')" \
	$(($(rss_kib "$agents_pid") / 1024)) $(($(rss_kib "$(server_process edge)") / 1024)) $(($(rss_kib "$(server_process placer)") / 1024))
echo "  $placed placements, $(column placed 2) a second; answered in ms p50 $(column placed 4), p99 $(column placed 5); failed $(column placed 6)"
echo "  decision to ack, ms: p50 $acked_p50, p99 $acked_p99, most $acked_most"
printf '  after a restart: ready in %.1f s, the last cluster had acked new work after %.1f s\n' \
	"$(echo "$ready_ms $stopped_ms" | awk '{ print ($1 - $2) / 1000 }')" "$(echo "$back_ms $stopped_ms" | awk '{ print ($1 - $2) / 1000 }')"
goal "requests a second" "$(column placed 2)" at-least 200
goal "decision to ack, p99 ms" "$acked_p99" at-most 1000
goal "all clusters back, s" "$(echo "$back_ms $stopped_ms" | awk '{ printf "%.1f", ($1 - $2) / 1000 }')" at-most 60
[ "$(column placed 6)" -eq 0 ] || fail "requests failed"
[ "$goals_missed" -eq 0 ]
