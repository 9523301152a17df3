#!/bin/sh
# The product in a real cluster: reeved, reeve-agent and kube-scheduler against the API server that KUBECONFIG names.
#
# 50 nodes are made as HAMi's plugin registers them, and 200 pods of HAMi's shapes, all of one tenant: each is bound, and is a
# placement of that tenant's. A tenant with too little is refused in words that `kubectl describe` shows. Then the server goes
# away: pods out of what was lent go on starting, and all is in its books when it is back.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/kubernetes}
for need in kube-scheduler kubectl; do
	if [ -z "${KUBECONFIG:-}" ] || ! command -v $need >/dev/null; then
		echo "skipped: KUBECONFIG names no cluster to test against, or there is no kube-scheduler or kubectl on the path"
		exit 77
	fi
done
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/server.sh"
. "$here/cluster.sh"
nodes=50
devices=8
pods=200
more=20

pods_bound() { kubectl get pods -n "$1" -o 'jsonpath={range .items[*]}{.spec.nodeName}{"\n"}{end}' | grep -c . || true; }
are_bound() { [ "$(pods_bound "$1")" -ge "$2" ]; }
placed() { server_sql "SELECT count(*) FROM placement p JOIN tenant t ON t.key = p.tenant_key WHERE t.path = '$1' AND p.state IN ('bound', 'running')"; }
are_placed() { [ "$(placed "$1")" -eq "$2" ]; }
is_lent() { call GET "/v1/tenants/$(echo "$1" | tr / "~")/quota" | grep -q "\"headroom\":{\"device_milli\":[1-9]"; }
says() { kubectl describe pod -n "$1" "$2" | grep -q "$3"; }

is_in() { [ "$(server_sql "SELECT state FROM placement WHERE id = '$1'")" = "$2" ]; }
pod_node() { kubectl get pod -n "$run-$1" "$2" -o 'jsonpath={.spec.nodeName}' 2>/dev/null; }
is_bound() { [ -n "$(pod_node "$1" "$2")" ]; }
is_gone() { ! kubectl get pod -n "$run-$1" "$2" >/dev/null 2>&1 || ended_pod "$1" "$2"; }
is_leaving() { [ -n "$(kubectl get pod -n "$run-$1" "$2" -o 'jsonpath={.metadata.deletionTimestamp}')" ]; }
pods_named() { kubectl get pods -n "$run-research" -o name | grep -c "^pod/$1-" || true; }
are_leaving() { [ "$(kubectl get pods -n "$run-research" -o 'jsonpath={range .items[*]}{.metadata.deletionTimestamp}{"\n"}{end}' | grep -c .)" -ge "$1" ]; }
is_over_for() { [ "$(server_sql "SELECT count(*) FROM placement WHERE reason = '$1' AND state = 'done'")" -eq 1 ]; }
receipts_take() { for space in research small; do kubectl annotate pods --all -n "$run-$space" reeve.io/receipt- >"$folder/said"; done; }
receipts_of() { kubectl get pods -n "$run-$1" -o 'jsonpath={range .items[*]}{.metadata.annotations.reeve\.io/receipt}{"\n"}{end}' | grep -c . || true; }
have_receipts() { [ "$(receipts_of research)" -ge "$1" ] && [ "$(receipts_of small)" -ge 1 ]; }
used() { [ "$(server_sql "SELECT count(*) FROM usage_window WHERE placement_id = '$1' AND memory_mib_avg = $2")" -eq 1 ]; }

# What was the case when it failed.
fail()
{
	printf '%s\n' "$*" >&2
	set +e
	server_sql "SELECT state, reason, count(*) FROM placement GROUP BY state, reason ORDER BY 1, 2" >&2
	server_sql "SELECT id, name, state, fence_no, reason, blockers FROM placement WHERE state NOT IN ('running', 'bound', 'done') ORDER BY id LIMIT 20" >&2
	exit 1
}

server_init kubernetes-product
server_start --edges 1
tenant acme 400000
tenant acme/research 390000
tenant acme/small 500
call POST /v1/policies '{"tenant":"acme","sharing":{"lease_percent":100}}' >"$folder/policy"
call POST "/v1/policies/$(json_value id <"$folder/policy"):apply" '' -H 'If-Match: *' >"$folder/said"
cluster_init
namespace research acme/research
namespace small acme/small
namespace nobody ''
nodes_make $nodes $devices
agent_start
scheduler_start
await "quota to be lent" is_lent acme/research

begun=$(date +%s%N)
pods_make research pod $pods
await "all pods to be bound" are_bound "$run-research" $pods
ended=$(date +%s%N)
await "all to be placements" are_placed acme/research $pods
check_sums "$run-research"
echo "$pods pods bound in $(((ended - begun) / 1000000)) ms, $(placed acme/research) placements of their tenant"

# A node tells what a pod used, with a token that is bound to it; another node's is not taken.
kubectl create serviceaccount reeve-node -n "$run" >"$folder/said"
one=$(server_sql "SELECT p.id FROM placement p JOIN tenant t ON t.key = p.tenant_key WHERE t.path = 'acme/research' AND p.state IN ('bound', 'running') LIMIT 1")
node_report "$run-n0" "$run-n0" "$one" || fail "a node's report is not taken: $(cat "$folder/said")"
! node_report "$run-n0" "$run-n1" "$one" || fail "a report is taken with another node's token"
! curl -fsS --cacert "$folder/door.pem" -X POST -d '{}' "https://$agent_address/node/v1/report" >"$folder/said" 2>&1 ||
	fail "a report is taken without a token"
await "what the pod used to be known" used "$one" 4321

pod_make small large '"nvidia.com/gpu":"1"'
pod_make nobody lost '"nvidia.com/gpu":"1"'
await "the reason of a quota to be told" says "$run-small" large "waiting for quota of acme/small on h100-80g"
await "a namespace without a tenant to be told" says "$run-nobody" lost "no tenant for namespace"
kubectl describe pod -n "$run-small" large | tail -n 3
[ "$(server_sql "SELECT count(*) FROM placement p JOIN tenant t ON t.key = p.tenant_key WHERE t.path = 'acme/small' AND p.state = 'pending'")" -eq 1 ] ||
	fail "the pod that waits is no placement"
tenant_quota acme/small 1000
await "the pod to be placed by the server" are_bound "$run-small" 1
await "that to be known" are_placed acme/small 1

# A placement that was asked of the server waits for the pods that name it, and goes with them when it is revoked.
call POST /v1/placements '{"tenant":"acme/research","replicas":2,"devices":[{"count":1,"classes":["h100-80g"]}]}' | json_value id >"$folder/asked"
asked=$(cat "$folder/asked")
await "the placement to be granted" is_in "$asked" accepted
claim_make research claim-0 "$asked" 0
claim_make research claim-1 "$asked" 1
claim_make research claim-2 "$asked" 2
await "its pods to be bound" is_in "$asked" bound
[ "$(pod_node research claim-0)" = "$(call GET "/v1/placements/$asked" | grep -o "\"node\":\"[^\"]*" | head -n 1 | cut -d'"' -f4)" ] ||
	fail "a pod stands elsewhere than its placement"
await "a pod without a seat to be told" says "$run-research" claim-2 "its placement has no seat for it"
run_pod research claim-0
run_pod research claim-1
await "it to run" is_in "$asked" running
call DELETE "/v1/placements/$asked" >"$folder/said"
await "its pods to go" is_gone research claim-0
await "all of them" is_gone research claim-1
await "it to be over" is_in "$asked" revoked

# What may not run for longer is ended.
pod_text short '"nvidia.com/gpu":"1"' | sed 's/"metadata":{/"metadata":{"annotations":{"reeve.io\/max-runtime-s":"2"},/' >"$folder/pod.json"
kubectl create -n "$run-research" -f "$folder/pod.json" >"$folder/said"
await "the pod to be bound" is_bound research short
run_pod research short
await "the pod that may run for 2 s to be over" is_gone research short
await "that to be told" is_over_for "max_runtime_s has passed"

# Memory alone makes room for a pod of higher priority: the less important of two goes, the other stays, and what the one
# left is not given to a third that comes meanwhile.
kubectl create priorityclass "$run-urgent" --value=1000 >"$folder/said"
nodes_make 1 1 $nodes
pinned_make research yields '"nvidia.com/gpu":"1","nvidia.com/gpumem":"50000"' "$run-n$nodes"
await "the pod that is to yield" is_bound research yields
pinned_make research stays '"nvidia.com/gpu":"1","nvidia.com/gpumem":"20000"' "$run-n$nodes" "$run-urgent"
await "the pod that is to stay" is_bound research stays
pinned_make research urgent '"nvidia.com/gpu":"1","nvidia.com/gpumem":"60000"' "$run-n$nodes" "$run-urgent"
await "one to be asked to go" is_leaving research yields
pinned_make research third '"nvidia.com/gpu":"1","nvidia.com/gpumem":"20000"' "$run-n$nodes"
await "it to be gone" is_gone research yields
await "the urgent pod to be bound" is_bound research urgent
is_bound research stays || fail "a pod went without need"
! is_bound research third || fail "what was freed was given to another"
kubectl delete pods -n "$run-research" --wait=false --grace-period=0 --force third stays urgent >"$folder/said" 2>&1
await "them to be over" are_placed acme/research $pods

# Where devices are short by number too, kube-scheduler takes one of ten; the agent adds as many as the memory needs, and no more.
i=0
while [ $i -lt 10 ]; do
	pinned_make research small-$i '"nvidia.com/gpu":"1","nvidia.com/gpumem":"1000"' "$run-n$nodes"
	i=$((i + 1))
done
await "the small pods to be bound" are_bound "$run-research" $((pods + 10))
pinned_make research crowd '"nvidia.com/gpu":"1","nvidia.com/gpumem":"75000"' "$run-n$nodes" "$run-urgent"
await "four of them to be asked to go" are_leaving 4
i=0
while [ $i -lt 10 ]; do
	! is_leaving research small-$i || await "it to be gone" is_gone research small-$i
	i=$((i + 1))
done
await "the pod they went for to be bound" is_bound research crowd
[ "$(pods_named small)" -eq 6 ] || fail "$(pods_named small) small pods are left of 10, where 6 may stay"
kubectl get pods -n "$run-research" -o name | grep -E '^pod/(crowd|small-)' |
	xargs kubectl delete -n "$run-research" --wait=false --grace-period=0 --force >"$folder/said" 2>&1
await "them to be over too" are_placed acme/research $pods

# Receipts that somebody takes off come back; and who takes over while there are none knows by the plans what is what: what was
# let in and what the server placed.
receipts_take
await "the receipts to be back" have_receipts $pods

# Another agent takes over from one that is killed, and knows what that one knew.
kill -KILL "$agent_pid"
receipts_take
agent_start --state-dir "$folder/other"
scheduler_move
pods_make research second 5
await "pods to be bound by the second agent" are_bound "$run-research" $((pods + 5))
await "them to be placements" are_placed acme/research $((pods + 5))
pods=$((pods + 5))
await "the receipts to be back from the second agent" have_receipts $pods
are_placed acme/small 1 || fail "what the server placed is not known any more"
[ "$(server_sql "SELECT count(*) FROM placement WHERE reason = 'lost'")" -eq 0 ] || fail "what runs was told to be lost"
echo "$pods receipts taken off while no agent ran, all back"

server_stop
pods_make research away $more
await "pods to be bound while the server is away" are_bound "$run-research" $((pods + more))
kubectl delete pods -n "$run-research" --wait=false --grace-period=0 --force pod-0 pod-1 pod-2 >"$folder/said" 2>&1
server_start --edges 1
await "all to be told" are_placed acme/research $((pods + more - 3))
check_sums "$run-research"
call GET /v1/audit:verify >"$folder/books"
grep -q '"is_intact":true' "$folder/books" || fail "the books differ: $(cat "$folder/books")"
! grep -q "placer.drift" "$folder/server.log" || fail "the books and the agent meant something else"
echo "$more pods bound while the server was away, all in its books when it was back"
