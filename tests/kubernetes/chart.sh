#!/bin/sh
# What the chart installs does its work on a real API server: all that it renders is applied, the agent runs with the options and as the
# service account of its Deployment, kube-scheduler with the configuration and as the account of the chart's, and nothing else is granted.
#
# The policies compile, refuse what they must and let pass what they must; so does the webhook that stands for one of them before 1.30.
# While no agent answers, pods that ask for no devices are made. The extender answers kube-scheduler by the certificate that the agents
# made for it, and nobody without one.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/kubernetes}
for need in kube-scheduler kubectl helm; do
	if [ -z "${KUBECONFIG:-}" ] || ! command -v $need >/dev/null; then
		echo "skipped: KUBECONFIG names no cluster to test against, or there is no kube-scheduler, kubectl or helm on the path"
		exit 77
	fi
done
if kubectl get clusterrole reeve-agent >/dev/null 2>&1; then
	echo "skipped: the chart is installed in that cluster"
	exit 77
fi
. "$root/tests/support/script/server.sh"
. "$here/cluster.sh"

field() { kubectl get pod -n "$run-$1" "$2" -o "jsonpath=$3"; }
is_bound() { [ -n "$(field "$1" "$2" '{.spec.nodeName}')" ]; }
is_lent() { call GET "/v1/tenants/$1/quota" | grep -q "\"headroom\":{\"device_milli\":[1-9]"; }
has_bundle() { [ -n "$(kubectl get "$1" reeve-agent -o "jsonpath={.webhooks[$2].clientConfig.caBundle}")" ]; }
is_placed() { [ "$(server_sql "SELECT count(*) FROM placement WHERE state IN ('bound', 'running')")" -eq "$1" ]; }

# helm would complain of the file's mode.
render() # VERSION [OPTION...]
{
	render_version=$1
	shift
	env -u KUBECONFIG helm template reeve "$root/deploy/chart" --namespace "$run" --kube-version "$render_version" \
		--set "server.url=$REEVE_URL" --set node.enabled=true --set "scheduler.name=$run" "$@"
}

# Webhooks of one namespace alone: the cluster is not ours.
narrow() { sed "s/^\( *\)- {key: kubernetes.io\/metadata.name, operator: NotIn.*/&\n\1- {key: kubernetes.io\/metadata.name, operator: In, values: [\"$run-team\"]}/"; }
# No Service leads anywhere where no pods run.
direct() { sed "s|service: {name: reeve-agent, namespace: [^,]*, path: \([^,]*\), port: 443}|url: \"https://localhost:${agent_address##*:}\1\"|"; }
webhooks_of() { awk 'BEGIN { RS = "---\n" } /\nkind: [A-Za-z]*WebhookConfiguration\n/ { print "---"; print }' "$1"; }

chart_end()
{
	chart_status=$?
	set +e
	[ ! -s "$folder/chart.yaml" ] || kubectl delete --ignore-not-found --wait=false -f "$folder/chart.yaml" >/dev/null 2>&1
	(exit $chart_status)
	cluster_end
}

# Whoever calls by this file is that service account, and no more.
account_config() # FILE ACCOUNT [OPTION...]
{
	config_file=$1
	config_account=$2
	shift 2
	config_token=$(kubectl create token "$config_account" -n "$run" --duration=1h "$@")
	cat >"$config_file" <<CONFIG
apiVersion: v1
kind: Config
current-context: t
clusters:
- name: t
  cluster:
    server: "$(kubectl config view --minify --raw -o 'jsonpath={.clusters[0].cluster.server}')"
    certificate-authority-data: $(kubectl config view --minify --raw -o 'jsonpath={.clusters[0].cluster.certificate-authority-data}')
users:
- name: t
  user: {token: "$config_token"}
contexts:
- name: t
  context: {cluster: t, user: t}
CONFIG
	chmod a+r "$config_file"
}

pod_held() # NAME: as if it had been given devices
{
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s","annotations":{"reeve.io/receipt":"r","reeve.io/plan":"p","hami.io/old":"x"}},"spec":{"containers":[{"name":"c","image":"i"}]}}' "$1" >"$folder/pod.json"
	kubectl create -n "$run-team" -f "$folder/pod.json" >"$folder/said"
}

# Nobody but these may touch pods of the namespace, and what they may do to their annotations is not RBAC's to say.
editors_make()
{
	kubectl create role editor -n "$run-team" --verb=get,patch,update --resource=pods,pods/status >"$folder/said"
	kubectl create rolebinding editor -n "$run-team" --role=editor --user=jane --user=system:node:n0 --user=system:serviceaccount:hami-system:plugin \
		--user="system:serviceaccount:$run-team:default" --user="system:serviceaccount:$run:reeve-agent" >"$folder/said"
}

note() { kubectl annotate --overwrite pod held -n "$run-team" --as="$1" "$2" >"$folder/said" 2>&1; }
# What changes nothing is never refused.
is_kept() { ! note jane "reeve.io/receipt=$(date +%s%N)" && grep -q "$1" "$folder/said"; }
taken() { note "$1" "$2" || fail "$1 may not write $2: $(cat "$folder/said")"; }
kept() # USER ANNOTATION WORDS
{
	! note "$1" "$2" || fail "$1 wrote $2"
	grep -q "$3" "$folder/said" || fail "it was refused in other words: $(cat "$folder/said")"
}

# As whom WORDS says: the policy, or the agent's webhook.
records_check() # WORDS
{
	await "changes of records to be refused" is_kept "$1"
	kept jane reeve.io/receipt- "$1"
	kept jane reeve.io/plan=q "$1"
	kept jane hami.io/new=1 "$1"
	kept "system:serviceaccount:$run-team:default" hami.io/old- "$1"
	! kubectl patch pod held -n "$run-team" --as=jane --subresource=status --type=merge -p '{"metadata":{"annotations":{"reeve.io/plan":null}}}' >"$folder/said" 2>&1 ||
		fail "a record was taken off by way of the status"
	grep -q "$1" "$folder/said" || fail "it was refused in other words: $(cat "$folder/said")"
	taken jane team.example/x=1
	taken jane team.example/x-
	taken system:node:n0 hami.io/bind-phase=success
	taken system:serviceaccount:hami-system:plugin hami.io/bind-phase=failed
	taken "system:serviceaccount:$run:reeve-agent" reeve.io/receipt=r
	kubectl label --overwrite pod held -n "$run-team" --as=jane team=1 >"$folder/said" || fail "a label is refused"
	kubectl patch pod held -n "$run-team" --as=jane --subresource=status --type=merge -p '{"status":{"message":"m"}}' >"$folder/said" || fail "a status is refused"
}

node_note() { kubectl --kubeconfig "$folder/$1" annotate --overwrite node "$2" "hami.io/node-handshake=$(date +%s%N)" >"$folder/said" 2>&1; }
is_others_closed() { ! node_note n0.conf "$run-n1" && grep -q 'reeve-node may change the node that it runs on' "$folder/said"; }

node_check()
{
	account_config "$folder/n0.conf" reeve-node --bound-object-kind Node --bound-object-name "$run-n0"
	account_config "$folder/loose.conf" reeve-node
	await "another node to be closed to reeve-node" is_others_closed
	node_note n0.conf "$run-n0" || fail "reeve-node may not write on its own node: $(cat "$folder/said")"
	! node_note loose.conf "$run-n0" || fail "a token that is bound to no node writes on one"
	grep -q 'reeve-node may change the node that it runs on' "$folder/said" || fail "it was refused in other words: $(cat "$folder/said")"
	kubectl annotate node "$run-n1" other.example/x=1 >"$folder/said" || fail "an administrator may not write on a node"
}

# The options of the chart's Deployment, but for where files lie here.
chart_agent_start()
{
	account_config "$folder/account.conf" reeve-agent
	kubectl get deployment reeve-agent -n "$run" -o 'jsonpath={range .spec.template.spec.containers[0].args[*]}{@}{"\n"}{end}' >"$folder/args"
	set --
	while read -r chart_option; do
		case $chart_option in
		--ca=*) chart_option=--ca=$REEVE_CA ;;
		--join-token-file=*) chart_option=--join-token-file=$folder/token ;;
		--kubeconfig=*) chart_option=--kubeconfig=$folder/account.conf ;;
		--pod-name=*) chart_option=--pod-name=agent-0 ;;
		--state-dir=*) chart_option=--state-dir=$folder/agent ;;
		--listen=*) chart_option=--listen=127.0.0.1:0 ;;
		esac
		set -- "$@" "$chart_option"
	done <"$folder/args"
	: >"$folder/agent.log"
	spawn agent "$REEVE_BIN/reeve-agent" "$@"
	agent_pid=$spawn_pid
	await "the agent to listen (its log: $folder/agent.log)" agent_listens
	agent_address=$(sed -n 's/.*site\.listening.* address="\{0,1\}\([^" ]*\).*/\1/p' "$folder/agent.log" | tail -n 1)
	await "the agent to act (its log: $folder/agent.log)" curl -fsSk "https://$agent_address/leaderz"
}

rights_check() { ! grep -i 'is forbidden' "$folder/$1.log" || fail "the chart's rights of the $1 lack something"; }
serving() { kubectl get secret reeve-agent-serving -n "$run" -o "jsonpath={.data.$1}" | base64 -d; }
has_client() { [ -n "$(serving 'client\.key')" ]; }
ask_filter() { curl -sS --cacert "$folder/ca.crt" "$@" -o "$folder/said" -w '%{http_code}' -H 'Content-Type: application/json' -d '{"Pod":{"metadata":{}},"NodeNames":[]}' "https://localhost:${agent_address##*:}/extender/filter" || true; }

# The chart's configuration, but for where the agent and files lie here.
chart_scheduler_start()
{
	await "a certificate for the scheduler" has_client
	for scheduler_file in ca.crt client.crt client.key; do
		serving "$(echo $scheduler_file | sed 's/\./\\./')" >"$folder/$scheduler_file"
		chmod a+r "$folder/$scheduler_file"
	done
	account_config "$folder/scheduler.conf" reeve-scheduler
	kubectl get configmap reeve-scheduler -n "$run" -o 'jsonpath={.data.scheduler\.yaml}' |
		sed "s|https://reeve-agent-acting[^/]*/|https://$agent_address/|; s|/etc/reeve/|$folder/|; s|^leaderElection:|clientConnection: {kubeconfig: \"$folder/scheduler.conf\"}\n&|" >"$folder/scheduler.yaml"
	chmod a+r "$folder/scheduler.yaml"
	[ "$(ask_filter)" != 200 ] || fail "the extender answers whoever shows no certificate"
	[ "$(ask_filter --cert "$folder/client.crt" --key "$folder/client.key")" = 200 ] || fail "the extender does not answer the scheduler: $(cat "$folder/said")"
	spawn scheduler kube-scheduler --config="$folder/scheduler.yaml" --secure-port=0 -v=1
}

gpu_pod() # NAME
{
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s"},"spec":{"nodeSelector":{"reeve-test":"%s"},"tolerations":[{"operator":"Exists"}],"containers":[{"name":"c","image":"i","resources":{"limits":{"nvidia.com/gpu":"1","nvidia.com/gpumem":"3k"}}}]}}' "$1" "$run" >"$folder/pod.json"
}

plain_pod() # NAME
{
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s"},"spec":{"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"1"}}}],"initContainers":[{"name":"d","image":"i"}]}}' "$1" >"$folder/pod.json"
}

make() { kubectl create -n "$run-team" -f "$folder/pod.json" >"$folder/said" 2>&1; }
is_asked_about() { gpu_pod early && ! make && grep -q 'failed calling webhook "pods.reeve.io"' "$folder/said"; }

server_init kubernetes-chart
server_start --edges 1
tenant acme 400000
call POST /v1/policies '{"tenant":"acme","sharing":{"lease_percent":100}}' >"$folder/policy"
call POST "/v1/policies/$(json_value id <"$folder/policy"):apply" '' -H 'If-Match: *' >"$folder/said"
cluster_init
namespace team acme
nodes_make 2 2
version=$(kubectl version -o json | sed -n '/"serverVersion"/,/}/s/.*"gitVersion": "v\([0-9.]*\).*/\1/p')
render "$version" | narrow >"$folder/chart.yaml"
trap chart_end EXIT
kubectl apply -f "$folder/chart.yaml" >"$folder/applied" 2>&1 || fail "the API server does not take what the chart gives: $(cat "$folder/applied")"
! grep -i warning "$folder/applied" || fail "the API server warns of what the chart gives"
echo "$(grep -c -E ' (created|configured|unchanged)$' "$folder/applied") objects of the chart applied to Kubernetes $version"

# Nobody answers yet.
await "pods with devices to be asked about" is_asked_about
plain_pod plain
make || fail "a pod without devices waits for an agent: $(cat "$folder/said")"

editors_make
pod_held held
records_check 'reeve-records.*denied request: What the pod was given'
node_check

printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"agent-0"},"spec":{"containers":[{"name":"agent","image":"i"}]}}' >"$folder/pod.json"
kubectl create -n "$run" -f "$folder/pod.json" >"$folder/said"
chart_agent_start
[ "$(kubectl get pod -n "$run" agent-0 -o 'jsonpath={.metadata.labels.reeve\.io/acting}')" = true ] || fail "the pod of the agent that acts is not labelled"
webhooks_of "$folder/chart.yaml" | direct >"$folder/hooks.yaml"
kubectl apply -f "$folder/hooks.yaml" >"$folder/said"
await "the mutating webhook to be told who vouches" has_bundle mutatingwebhookconfigurations 0
await "the validating webhook to be told who vouches" has_bundle validatingwebhookconfigurations 0
await "quota to be lent" is_lent acme
rights_check agent
chart_scheduler_start
gpu_pod first
await "the agent to be asked about a pod" make
await "the pod to be bound" is_bound team first
await "it to be a placement" is_placed 1
check_sums "$run-team"
rights_check agent
rights_check scheduler

# Before 1.30 the webhook sees to the records; with 1.28 and 1.29 it is asked about those alone who change one.
kubectl delete validatingadmissionpolicybinding,validatingadmissionpolicy reeve-records >"$folder/said"
render 1.29.0 | narrow | direct >"$folder/old.yaml"
! grep -q 'name: reeve-records' "$folder/old.yaml" || fail "a policy is rendered for a server that knows none"
webhooks_of "$folder/old.yaml" >"$folder/hooks.yaml"
kubectl apply -f "$folder/hooks.yaml" >"$folder/said"
await "the webhook for records to be told who vouches" has_bundle validatingwebhookconfigurations 1
records_check '(record_kept)'
echo "policies and webhook refuse what they must; agent and kube-scheduler $version work with the chart's rights, options and certificates"
