#!/bin/sh
# Two clusters, and the agent of one is gone: what said that it restarts elsewhere does, once and billed once, what keeps its place
# keeps it, and a duplicate says that it is one. When the agent is back it ends what began elsewhere. The same for a cluster that a
# person had declared lost, and that is accepted again with its old pods.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/lease}
. "$root/tests/support/script/server.sh"

scene() # NAME
{
	cat <<SCENE
{"cluster_uid":"sim-$1",
 "nodes":[{"name":"$1-n1","cpu_milli":64000,"memory_mib":524288,"devices":[{"product":"NVIDIA H100 80GB HBM3","class":"h100-80g","memory_mib":81559,"count":4}]}],
 "pods":{"usage_interval_ms":0,"start_ms":100,"stop_ms":100}}
SCENE
}

agent_start() # NAME
{
	spawn "$1" "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --simulate "$folder/$1.json" \
		--join-token-file "$folder/$1.token" --state-dir "$folder/$1"
}

cluster_make() # NAME
{
	call POST /v1/clusters "{\"name\":\"$1\",\"accept\":true}" | json_value join_token >"$folder/$1.token"
	scene "$1" >"$folder/$1.json"
	chmod a+r "$folder/$1.token" "$folder/$1.json"
	agent_start "$1"
}

place() # MEMBERS
{
	call POST /v1/placements "{\"tenant\":\"acme\",\"clusters\":[\"a\",\"b\"],\"devices\":[{\"count\":1,\"classes\":[\"h100-80g\"]}]$1}" | json_value id
}

is_at() # PLACEMENT CLUSTER FENCE
{
	[ "$(server_sql "SELECT c.name || ' ' || p.fence_no || ' ' || p.state FROM placement p JOIN cluster c ON c.key = p.cluster_key WHERE p.id = '$1'")" = "$2 $3 running" ]
}

# Whether the simulated cluster was told to stop it; what it holds is in its journal.
was_stopped() { tr -c '[:print:]' '\n' <"$folder/$1/cluster.journal" | grep '"kind":"stop"' | grep -q "$2"; }
is_over() { ! is_running "$1"; }
reason() { call GET "/v1/placements/$1" | json_value reason; }
devices_known() { [ "$(server_sql "SELECT count(*) FROM device")" -eq 8 ]; }

# Each placement is billed for one attempt at a time.
check_bills()
{
	twice=$(server_sql "SELECT count(*) FROM segment x JOIN segment y ON y.placement_id = x.placement_id AND y.fence_no > x.fence_no AND y.started_at < coalesce(x.ended_at, now())")
	[ "$twice" -eq 0 ] || fail "$1: $twice segments overlap"
	open=$(server_sql "SELECT count(*) FROM segment WHERE ended_at IS NULL")
	[ "$open" -eq 3 ] || fail "$1: $open attempts are billed, of 3 that run"
}

server_init lease-failover
server_start --edges 1
call POST /v1/tenants '{"name":"acme"}' >"$folder/said"
cluster_make a
a=$spawn_pid
cluster_make b
await "the devices to be known" devices_known
restarts=$(place ',"when_lost":"restart_after","lost_after_s":10')
keeps=$(place '')
twin=$(place ',"when_lost":"best_effort_duplicate","lost_after_s":10')
for placement in "$restarts" "$keeps" "$twin"; do await "it to run" is_at "$placement" a 1; done

kill -KILL "$a"
await "the agent to be gone" is_over "$a"
await "the one that restarts to run elsewhere" is_at "$restarts" b 2
await "the duplicate to run elsewhere" is_at "$twin" b 2
is_at "$keeps" a 1 || fail "what keeps its place does not"
reason "$twin" | grep -q 'an attempt may still run there' || fail "the duplicate does not say so: $(reason "$twin")"
! reason "$restarts" | grep -q 'may still run' || fail "what restarts says that it may be one"
check_bills "while the agent is away"

agent_start a
a=$spawn_pid
await "its old attempt to be ended" was_stopped a "$restarts"
await "the duplicate's too" was_stopped a "$twin"
sleep 1
is_at "$restarts" b 2 && is_at "$twin" b 2 && is_at "$keeps" a 1 || fail "the agent's return moved something"
! was_stopped a "$keeps" || fail "what keeps its place was stopped"
check_bills "when the agent is back"

# A person declares the cluster lost while its pods run; it is accepted again with them.
kill -STOP "$a"
call POST /v1/clusters/a:declare-lost '{"reason":"cut off","requeue":true}' >"$folder/said"
await "its work to run elsewhere" is_at "$keeps" b 2
kill -KILL "$a"
await "the agent to be gone" is_over "$a"
call POST /v1/clusters/a:accept '{}' >"$folder/said"
call POST /v1/clusters/a:revoke-agent '{"reason":"it is back"}' | json_value join_token >"$folder/a.token"
rm -f "$folder/a/cert.pem"
agent_start a
await "its old attempt to be ended" was_stopped a "$keeps"
sleep 1
for placement in "$restarts" "$keeps" "$twin"; do is_at "$placement" b 2 || fail "a lost cluster's return moved something"; done
check_bills "when the lost cluster is back"
call GET /v1/audit:verify >"$folder/books"
grep -q '"is_intact":true' "$folder/books" || fail "the books differ: $(cat "$folder/books")"
echo "three placements of a cluster that fell silent: each runs once in the books, and is billed once"
