#!/bin/sh
# Several simulated clusters of one scene in one process: each joins with its token and is a cluster of its own; killed, they go on
# without a token; told to end, they all do. Too few tokens are refused in words before anything begins.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/crowd}
. "$root/tests/support/script/server.sh"
clusters=5

agents_start() # OPTION...
{
	spawn agents "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --state-dir "$folder/agents" \
		--simulate "$folder/scene.json" --clusters $clusters "$@"
	agents_pid=$spawn_pid
}

refused() # OPTION...
{
	run_as_user "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --state-dir "$folder/none" \
		--simulate "$folder/scene.json" --clusters $clusters "$@" >"$folder/refused" 2>&1 && fail "it began with $*"
	cat "$folder/refused"
}

all_known() { [ "$(server_sql 'SELECT count(DISTINCT cluster_key) FROM node')" -eq $clusters ]; }
running_in() { server_sql "SELECT count(*) FROM placement p JOIN cluster c ON c.key = p.cluster_key WHERE p.state = 'running' AND c.name = '$1'"; }
placed() { [ "$(running_in "$1")" -eq "$2" ]; }
agents_gone() { ! is_running "$agents_pid"; }

place_everywhere() # HOW MANY then run in each
{
	for i in $(seq $clusters); do
		call POST /v1/placements "{\"tenant\":\"acme\",\"clusters\":[\"c$i\"],\"devices\":[{\"count\":1,\"memory_mib\":1024}]}" >"$folder/said"
	done
	for i in $(seq $clusters); do
		await "cluster $i to run $1" placed "c$i" "$1"
	done
}

server_init crowd
server_start --edges 1
cat >"$folder/scene.json" <<'SCENE'
{"cluster_uid":"sim","nodes":[{"name":"n1","cpu_milli":64000,"memory_mib":524288,"devices":[{"product":"NVIDIA H100 80GB HBM3","class":"h100-80g","memory_mib":81559,"count":2}]}]}
SCENE
call POST /v1/tenants '{"name":"acme"}' >"$folder/said"
call PUT /v1/tenants/acme/quota '{"models":{"h100-80g":{"limit":{"device_milli":100000}}}}' -H 'If-Match: *' >"$folder/said"
for i in $(seq $clusters); do
	printf "%s\n" "$(call POST /v1/clusters "{\"name\":\"c$i\",\"accept\":true}" | json_value join_token)"
done >"$folder/tokens"
head -n 2 "$folder/tokens" >"$folder/few"
chmod a+r "$folder/scene.json" "$folder/tokens" "$folder/few"

refused --join-token-file "$folder/few" | grep -q "holds 2 tokens for $clusters clusters" || fail "too few tokens: $(cat "$folder/refused")"
refused | grep -q 'has not joined yet' || fail "no token: $(cat "$folder/refused")"
agents_start --join-token-file "$folder/tokens"
await "the clusters to be known" all_known
place_everywhere 1

kill -KILL "$agents_pid"
await "the agents to be gone" agents_gone
agents_start
place_everywhere 2

kill -TERM "$agents_pid"
await "the agents to end" agents_gone
grep -q 'agent.stopped.*status=0' "$folder/agents.log" || fail "the agents did not end well: $(tail -n 3 "$folder/agents.log")"
