#!/bin/sh
# What a real API server asks the agent, and gets: its webhooks, called over the certificate that the agent made and told it of.
#
# Pods are refused with codes or brought to what HAMi makes of them, a ResourceQuota counts, a binding past the agent is refused;
# a pod that ran under HAMi before becomes a placement of its namespace's tenant without a restart; a lock that HAMi left goes.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/kubernetes}
for need in kube-scheduler kubectl; do
	if [ -z "${KUBECONFIG:-}" ] || ! command -v $need >/dev/null; then
		echo "skipped: KUBECONFIG names no cluster to test against, or there is no kube-scheduler or kubectl on the path"
		exit 77
	fi
done
. "$root/tests/support/script/server.sh"
. "$here/cluster.sh"

says() { kubectl describe pod -n "$1" "$2" | grep -q "$3"; }
# Other pods of that cluster may be taken up too: what counts is the placement that a pod's receipt names.
is_placed() # SPACE NAME
{
	placed_id=$(field "$1" "$2" '{.metadata.annotations.reeve\.io/receipt}')
	[ -n "$placed_id" ] && [ "$(server_sql "SELECT count(*) FROM placement p JOIN tenant t ON t.key = p.tenant_key WHERE p.id = '${placed_id%% *}' AND t.path = 'acme' AND p.state IN ('bound', 'running')")" -eq 1 ]
}
is_lent() { call GET "/v1/tenants/$1/quota" | grep -q "\"headroom\":{\"device_milli\":[1-9]"; }
field() { kubectl get pod -n "$run-$1" "$2" -o "jsonpath=$3"; }
is_bound() { [ -n "$(field "$1" "$2" '{.spec.nodeName}')" ]; }
has_bundle() { [ -n "$(kubectl get "$1" "$run" -o 'jsonpath={.webhooks[0].clientConfig.caBundle}')" ]; }
is_unlocked() { [ -z "$(kubectl get node "$run-n1" -o 'jsonpath={.metadata.annotations.hami\.io/mutex\.lock}')" ]; }

pod_plain() # NAME LIMITS [MEMBERS OF THE SPEC]
{
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s"},"spec":{%s"nodeSelector":{"reeve-test":"%s"},"tolerations":[{"operator":"Exists"}],"containers":[{"name":"c","image":"i","resources":{"limits":{%s}}}]}}' \
		"$1" "${3:-}" "$run" "$2" >"$folder/pod.json"
}

refused() # SPACE WORDS
{
	if kubectl create -n "$run-$1" -f "$folder/pod.json" >"$folder/said" 2>&1; then fail "it was taken: $(cat "$folder/pod.json")"; fi
	grep -q "$2" "$folder/said" || fail "it was refused in other words: $(cat "$folder/said")"
}

hooks_make()
{
	for hooks_kind in Mutating:mutate:pods Validating:validate:pods/binding; do
		hooks_rest=${hooks_kind#*:}
		cat <<HOOK
apiVersion: admissionregistration.k8s.io/v1
kind: ${hooks_kind%%:*}WebhookConfiguration
metadata: {name: $run}
webhooks:
- name: ${hooks_rest%%:*}.reeve.test
  admissionReviewVersions: [v1]
  sideEffects: None
  timeoutSeconds: 3
  failurePolicy: Fail
  clientConfig: {url: "https://$agent_address/admission/${hooks_rest%%:*}"}
  rules:
  - {apiGroups: [""], apiVersions: [v1], operations: [CREATE], resources: [${hooks_rest#*:}], scope: Namespaced}
  namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [$run-team, $run-nobody]}]}
---
HOOK
	done >"$folder/hooks.yaml"
	kubectl create -f "$folder/hooks.yaml" >"$folder/said"
	await "the mutating webhook to be told who vouches" has_bundle mutatingwebhookconfigurations
	await "the validating webhook to be told who vouches" has_bundle validatingwebhookconfigurations
}

hooks_end()
{
	hooks_status=$?
	set +e
	kubectl delete mutatingwebhookconfigurations,validatingwebhookconfigurations "$run" >/dev/null 2>&1 || true
	(exit $hooks_status)
	cluster_end
}

server_init kubernetes-webhooks
server_start --edges 1
tenant acme 400000
call POST /v1/policies '{"tenant":"acme","sharing":{"lease_percent":100}}' >"$folder/policy"
call POST "/v1/policies/$(json_value id <"$folder/policy"):apply" '' -H 'If-Match: *' >"$folder/said"
cluster_init
trap hooks_end EXIT
namespace team acme
namespace nobody ''
nodes_make 2 2

# Before the agent came: a pod of HAMi's runs on one node, and a lock stands on the other.
cat >"$folder/old.json" <<POD
{"apiVersion":"v1","kind":"Pod","metadata":{"name":"old","annotations":{"hami.io/vgpu-devices-allocated":"GPU-$run-0-0,NVIDIA,8000,10:;"}},
"spec":{"nodeName":"$run-n0","containers":[{"name":"c","image":"i","resources":{"limits":{"nvidia.com/gpu":"1","nvidia.com/gpumem":"8k","nvidia.com/gpucores":"10"}}}]}}
POD
kubectl create -n "$run-team" -f "$folder/old.json" >"$folder/said"
kubectl annotate node "$run-n1" "hami.io/mutex.lock=2026-01-01T00:00:00Z,team,gone" >"$folder/said"
old_uid=$(field team old '{.metadata.uid}')

: >"$folder/agent.log"
spawn agent "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --kubeconfig "$folder/kubeconfig" --namespace "$run" \
	--join-token-file "$folder/token" --state-dir "$folder/agent" --lease-s 3 --listen 127.0.0.1:0 \
	--own-certificate --webhooks "$run" --scheduler-name "$run"
agent_pid=$spawn_pid
await "the agent to listen (its log: $folder/agent.log)" agent_listens
agent_address=$(sed -n 's/.*site\.listening.* address="\{0,1\}\([^" ]*\).*/\1/p' "$folder/agent.log" | tail -n 1)
await "the agent to act" curl -fsSk "https://$agent_address/leaderz"
hooks_make
curl -fsS --cacert "$folder/agent/door-ca.pem" "https://localhost:${agent_address##*:}/healthz" >"$folder/said" ||
	fail "the certificate is not by the authority that was told"
await "quota to be lent" is_lent acme
await "HAMi's pod to be a placement" is_placed team old
[ "$(field team old '{.metadata.uid}')" = "$old_uid" ] || fail "HAMi's pod is another one"
await "HAMi's lock to go" is_unlocked

pod_plain bytes '"nvidia.com/gpu":"1","nvidia.com/gpumem":"16Gi"'
refused team 'denied the request: container c: .*write 16384 (bad_amount)'
pod_plain there '"nvidia.com/gpu":"1"' "\"nodeName\":\"$run-n0\","
refused team 'pod has node assigned (node_assigned)'
pod_plain lost '"nvidia.com/gpu":"1"'
refused nobody 'belongs to no tenant here.*(unknown_tenant)'
kubectl create -n "$run-team" quota gpus --hard=limits.nvidia.com/gpumem=20000 >"$folder/said"
is_refused_by_quota() { pod_plain much '"nvidia.com/gpu":"1","nvidia.com/gpumem":"15k"' && ! kubectl create -n "$run-team" -f "$folder/pod.json" --dry-run=server >"$folder/said" 2>&1; }
await "the ResourceQuota to count" is_refused_by_quota
grep -q 'exceeding resource quota.*has limits.nvidia.com/gpumem 20000, of which 8000 are used; the pod asks for 15000 (over_quota)' "$folder/said" ||
	fail "the quota is told in other words: $(cat "$folder/said")"

pod_plain plain '"nvidia.com/gpumem":"3k"'
kubectl create -n "$run-team" -f "$folder/pod.json" >"$folder/said"
[ "$(field team plain '{.spec.schedulerName} {.metadata.annotations.reeve\.io/tenant} {.spec.containers[0].resources.limits.nvidia\.com/gpu}')" = "$run acme 1" ] ||
	fail "the pod was not brought to what it means: $(field team plain '{.spec}')"
printf '{"apiVersion":"v1","kind":"Binding","metadata":{"name":"plain"},"target":{"apiVersion":"v1","kind":"Node","name":"%s-n0"}}' "$run" >"$folder/binding.json"
if kubectl create --raw "/api/v1/namespaces/$run-team/pods/plain/binding" -f "$folder/binding.json" >"$folder/said" 2>&1; then
	fail "a binding past the agent was taken"
fi
grep -q '(no_record)' "$folder/said" || fail "it was refused in other words: $(cat "$folder/said")"
cp "$folder/agent/door-ca.pem" "$folder/door.pem" # who vouches for the agent, to the scheduler
scheduler_start
await "the pod to be bound" is_bound team plain
await "it to be a placement" is_placed team plain
check_sums "$run-team"
curl -fsS --cacert "$folder/agent/door-ca.pem" "https://localhost:${agent_address##*:}/metrics" >"$folder/metrics"
for series in hami_gpu_memory_limit_bytes 'hami_vgpu_memory_allocated_bytes.*pod="old".* 8388608000' 'hami_resource_quota_used.*limit="20000"' 'refused_total{code="bad_amount"} 1'; do
	grep -q "$series" "$folder/metrics" || fail "the metrics lack $series"
done
echo "webhooks called by a real API server: refusals with codes, quota told, a binding past the agent refused; HAMi's pod adopted, its lock taken over"
