# A run of its own in the cluster that KUBECONFIG names: namespaces and nodes are called by $run, and go with it.
#
# Sourced behind tests/support/script/server.sh. The agent and the scheduler it starts end with the script.
# shellcheck shell=sh disable=SC2154 # of server.sh
run=rt$$
device_mib=81559

cluster_init()
{
	kubectl config view --raw --flatten >"$folder/kubeconfig"
	chmod a+r "$folder/kubeconfig"
	KUBECONFIG=$folder/kubeconfig
	export KUBECONFIG
	trap cluster_end EXIT
	kubectl create namespace "$run" >"$folder/said"
	kubectl create serviceaccount default -n "$run" >"$folder/said" 2>&1 || true
	call POST /v1/clusters '{"name":"real","accept":true}' | json_value join_token >"$folder/token"
	chmod a+r "$folder/token"
	openssl req -x509 -newkey rsa:2048 -nodes -keyout "$folder/door.key" -out "$folder/door.pem" -subj /CN=localhost \
		-addext 'subjectAltName=DNS:localhost,IP:127.0.0.1' -days 2 2>/dev/null
	chmod a+r "$folder/door.key" "$folder/door.pem"
}

cluster_end()
{
	cluster_status=$?
	set +e
	for cluster_pid in agent scheduler; do
		[ -s "$folder/$cluster_pid.pid" ] && kill -KILL "$(cat "$folder/$cluster_pid.pid")" 2>/dev/null
	done
	kubectl delete nodes -l "reeve-test=$run" --wait=false >/dev/null 2>&1
	kubectl delete priorityclass "$run-urgent" >/dev/null 2>&1
	kubectl get namespaces -o name | grep "^namespace/$run" | while read -r cluster_space; do
		kubectl delete pods --all -n "${cluster_space#namespace/}" --grace-period=0 --force --wait=false >/dev/null 2>&1
		kubectl delete --wait=false "$cluster_space" >/dev/null 2>&1
	done
	(exit $cluster_status)
	server_end
}

tenant() # PATH [DEVICE_MILLI]
{
	call POST /v1/tenants "{\"name\":\"${1##*/}\"$([ "$1" = "${1%/*}" ] || echo ",\"parent\":\"${1%/*}\"")}" >"$folder/said"
	[ $# -lt 2 ] || tenant_quota "$1" "$2"
}

tenant_quota() # PATH DEVICE_MILLI
{
	call PUT "/v1/tenants/$(echo "$1" | tr / "~")/quota" "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":$2},\"limit\":{\"device_milli\":$2}}}}" -H 'If-Match: *' >"$folder/said"
}

namespace() # NAME TENANT
{
	kubectl create namespace "$run-$1" >"$folder/said"
	kubectl create serviceaccount default -n "$run-$1" >"$folder/said" 2>&1 || true
	[ -z "$2" ] || kubectl annotate namespace "$run-$1" "reeve.io/tenant=$2" >"$folder/said"
}

nodes_make() # NODES DEVICES [FIRST]
{
	awk -v n="$1" -v devices="$2" -v first="${3:-0}" -v run="$run" -v mib=$device_mib 'BEGIN {
		print "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":["
		for (i = first; i < first + n; i++) {
			list = ""
			for (d = 0; d < devices; d++)
				list = list (d ? "," : "") "{\\\"id\\\":\\\"GPU-" run "-" i "-" d "\\\",\\\"index\\\":" d ",\\\"count\\\":10,\\\"devmem\\\":" mib \
					",\\\"devcore\\\":100,\\\"type\\\":\\\"NVIDIA H100 80GB HBM3\\\",\\\"health\\\":true}"
			printf "%s{\"apiVersion\":\"v1\",\"kind\":\"Node\",\"metadata\":{\"name\":\"%s-n%d\",\"labels\":{\"reeve-test\":\"%s\",\"reeve-node\":\"%s-n%d\"},", (i > first ? "," : ""), run, i, run, run, i
			printf "\"annotations\":{\"hami.io/node-nvidia-register\":\"[%s]\"}},", list
			printf "\"status\":{\"capacity\":{\"cpu\":\"64\",\"memory\":\"512Gi\",\"pods\":\"110\",\"nvidia.com/gpu\":\"%d\"},", devices * 10
			printf "\"allocatable\":{\"cpu\":\"64\",\"memory\":\"512Gi\",\"pods\":\"110\",\"nvidia.com/gpu\":\"%d\"},", devices * 10
			print "\"conditions\":[{\"type\":\"Ready\",\"status\":\"True\",\"reason\":\"x\",\"message\":\"y\"}]}}"
		}
		print "]}"
	}' >"$folder/nodes.json"
	kubectl create -f "$folder/nodes.json" >"$folder/said"
}

agent_start() # [OPTION...]
{
	: >"$folder/agent.log"
	spawn agent "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --kubeconfig "$folder/kubeconfig" \
		--namespace "$run" --state-dir "$folder/agent" --join-token-file "$folder/token" --lease-s 12 \
		--listen 127.0.0.1:0 --tls-cert "$folder/door.pem" --tls-key "$folder/door.key" "$@"
	agent_pid=$spawn_pid
	await "the agent to listen (its log: $folder/agent.log)" agent_listens
	agent_address=$(sed -n 's/.*site\.listening.* address="\{0,1\}\([^" ]*\).*/\1/p' "$folder/agent.log" | tail -n 1)
	await "the agent to act" curl -fsS --cacert "$folder/door.pem" "https://$agent_address/leaderz"
}

agent_listens()
{
	is_running "$agent_pid" || fail "the agent ended at its start: $(tail -n 3 "$folder/agent.log")"
	grep -q 'site\.listening' "$folder/agent.log"
}

scheduler_start()
{
	cat >"$folder/scheduler.yaml" <<CONFIG
apiVersion: kubescheduler.config.k8s.io/v1
kind: KubeSchedulerConfiguration
clientConnection: {kubeconfig: "$folder/kubeconfig", qps: 500, burst: 500}
leaderElection: {leaderElect: false}
percentageOfNodesToScore: 100
profiles:
- schedulerName: $run
extenders:
- urlPrefix: https://$agent_address/extender
  filterVerb: filter
  prioritizeVerb: prioritize
  preemptVerb: preempt
  bindVerb: bind
  enableHTTPS: true
  tlsConfig: {caFile: "$folder/door.pem"}
  weight: 1
  httpTimeout: 10s
  nodeCacheCapable: true
  managedResources:
  - {name: nvidia.com/gpu, ignoredByScheduler: false}
  - {name: nvidia.com/gpumem, ignoredByScheduler: true}
  - {name: nvidia.com/gpumem-percentage, ignoredByScheduler: true}
  - {name: nvidia.com/gpucores, ignoredByScheduler: true}
CONFIG
	chmod a+r "$folder/scheduler.yaml"
	spawn scheduler kube-scheduler --config="$folder/scheduler.yaml" --secure-port=0 -v=1
	spawn_scheduler_pid=$spawn_pid
}

pod_text() # NAME LIMITS [LIMITS OF A SECOND CONTAINER]
{
	printf '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"%s"},"spec":{"schedulerName":"%s","nodeSelector":{"reeve-test":"%s"},' "$1" "$run" "$run"
	printf '"tolerations":[{"operator":"Exists"}],"containers":[{"name":"c","image":"i","resources":{"limits":{%s}}}' "$2"
	[ $# -lt 3 ] || printf ',{"name":"plain","image":"i"},{"name":"b","image":"i","resources":{"limits":{%s}}}' "$3"
	printf ']}}\n'
}

pod_make() # NAMESPACE NAME LIMITS
{
	pod_text "$2" "$3" >"$folder/pod.json"
	kubectl create -n "$run-$1" -f "$folder/pod.json" >"$folder/said"
}

# On that node alone.
pinned_make() # NAMESPACE NAME LIMITS NODE [PRIORITY_CLASS]
{
	pod_text "$2" "$3" | sed "s/\"nodeSelector\":{[^}]*}/\"nodeSelector\":{\"reeve-node\":\"$4\"}${5:+,\"priorityClassName\":\"$5\"}/" >"$folder/pod.json"
	kubectl create -n "$run-$1" -f "$folder/pod.json" >"$folder/said"
}

claim_make() # NAMESPACE NAME PLACEMENT INDEX
{
	pod_text "$2" '"nvidia.com/gpu":"1"' |
		sed "s/\"metadata\":{/\"metadata\":{\"annotations\":{\"reeve.io\/placement\":\"$3\",\"reeve.io\/index\":\"$4\"},/" >"$folder/pod.json"
	kubectl create -n "$run-$1" -f "$folder/pod.json" >"$folder/said"
}

# What a kubelet would do: nobody runs the pods of these nodes.
run_pod() # NAMESPACE NAME
{
	kubectl patch pod -n "$run-$1" "$2" --subresource=status --type=merge -p '{"status":{"phase":"Running"}}' >"$folder/said"
}

# One that was asked to go is gone when its node says so: here we do.
ended_pod() # NAMESPACE NAME
{
	[ -z "$(kubectl get pod -n "$run-$1" "$2" -o 'jsonpath={.metadata.deletionTimestamp}' 2>/dev/null)" ] ||
		kubectl delete pod -n "$run-$1" "$2" --grace-period=0 --force >"$folder/said" 2>&1
	! kubectl get pod -n "$run-$1" "$2" >/dev/null 2>&1
}

# The scheduler asks the agent that acts now.
scheduler_move()
{
	kill -KILL "$spawn_scheduler_pid" 2>/dev/null || true
	scheduler_start
}

# HAMi's examples in turn: a part of one card, parts of two, a percentage, a whole card, two containers.
pods_make() # NAMESPACE PREFIX N
{
	pods_i=0
	{
		echo '{"apiVersion":"v1","kind":"List","items":['
		while [ $pods_i -lt "$3" ]; do
			[ $pods_i -eq 0 ] || echo ,
			case $((pods_i % 5)) in
			0) pod_text "$2-$pods_i" '"nvidia.com/gpu":"1","nvidia.com/gpumem":"3000","nvidia.com/gpucores":"30"' ;;
			1) pod_text "$2-$pods_i" '"nvidia.com/gpu":"2","nvidia.com/gpumem":"8000"' ;;
			2) pod_text "$2-$pods_i" '"nvidia.com/gpu":"1","nvidia.com/gpumem-percentage":"50"' ;;
			3) pod_text "$2-$pods_i" '"nvidia.com/gpu":"1"' ;;
			4) pod_text "$2-$pods_i" '"nvidia.com/gpu":"1","nvidia.com/gpumem":"20k"' '"nvidia.com/gpu":"1","nvidia.com/gpumem":"10k"' ;;
			esac
			pods_i=$((pods_i + 1))
		done
		echo ']}'
	} >"$folder/pods.json"
	kubectl create -n "$run-$1" -f "$folder/pods.json" >"$folder/said"
}

node_report() # NODE NODE_OF_TOKEN PLACEMENT
{
	node_token=$(kubectl create token reeve-node -n "$run" --audience reeve-agent --bound-object-kind Node --bound-object-name "$2")
	curl -sS --fail-with-body --cacert "$folder/door.pem" -H "Authorization: Bearer $node_token" -H 'Content-Type: application/json' \
		--data-binary "{\"node\":\"$1\",\"boot\":\"b1\",\"seq\":1,\"items\":[{\"kind\":\"usage\",\"at\":\"$(date -u +%Y-%m-%dT%H:%M:%SZ)\",\"window_ms\":15000,\"usage\":[{\"owner\":{\"placement\":\"$3\"},\"memory_mib_avg\":4321,\"memory_mib_max\":5000,\"compute_milli_avg\":10}]}]}" \
		"https://$agent_address/node/v1/report" >"$folder/said" 2>&1
}

# No device is given more than it has, by the records of the pods that are bound.
check_sums() # NAMESPACE
{
	kubectl get pods -n "$1" -o 'jsonpath={range .items[*]}{.metadata.name}{" "}{.spec.nodeName}{" "}{.metadata.annotations.hami\.io/vgpu-devices-allocated}{"\n"}{end}' |
		awk -v most=$device_mib '
			$2 != "" && $3 == "" { print $1 " is bound without a record"; bad = 1 }
			{ n = split($3, part, /[:;]/); for (i = 1; i <= n; i++) if (split(part[i], f, ",") == 4) { mib[f[1]] += f[3]; cores[f[1]] += f[4] } }
			END { for (d in mib) if (mib[d] > most || cores[d] > 100) { print d " is given " mib[d] " MiB and " cores[d] " %"; bad = 1 } exit bad }' ||
		fail "a device is given more than it has"
}
