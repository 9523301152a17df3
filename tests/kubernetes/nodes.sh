#!/bin/sh
# What reeve-node finds comes to the server, and nothing of it twice: a real reeve-node over simulated GPUs, a real reeve-agent with
# the double of an API server, a real reeved.
#
#     nodes.sh API_DOUBLE REEVE_NODE FAKE_TELL NODE_ALLOCATE FAKES
set -eu
double=$1
node=$2
tell=$3
allocate=$4
fakes=$5
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/kubernetes}
. "$root/tests/support/script/server.sh"
. "$here/double.sh"
awk '$5 == "/" { found = 1 } END { exit !found }' /proc/self/mountinfo || {
	echo "skipped: in a chroot the list of mounts does not say whose a process is"
	exit 77
}
server_limit_s=150 # a device that was ill must be quiet for a minute
cards=4

gpu() { echo "GPU-4$1""4$1""4$1""4$1-4$1""4$1-4$1""4$1-4$1""4$1-4$1""4$1""4$1""4$1""4$1""4$1"; }
gpu_tell() { run_as_user env FAKE_GPU="$folder/gpu" FAKE_DEVICES=$cards "$tell" "$@"; }

node_start() # OPTION...
{
	spawn node env FAKE_GPU="$folder/gpu" FAKE_DEVICES=$cards FAKE_TIMED=1 "$node" --node n1 --state-dir "$folder/node" \
		--nvml "$fakes/libnvidia-ml.so.1" --metrics-listen "" --audit-ms 100 --scan-ms 300 --probe-timeout-ms 3000 --report-ms 300 \
		--kernel-log "" --sysfs "$folder/none" --procfs "$folder/none" --cdi-dir "" --kubelet-dir "$folder/kubelet" \
		--agent "https://$agent_address" --agent-ca "$folder/door.pem" --token-file "$folder/node-token" "$@"
	node_pid=$spawn_pid
}

ended() { kill -TERM "$1" 2>/dev/null || true; await "$2 to end" is_over "$1"; }
is_over() { ! is_running "$1"; }
devices() { call GET "/v1/devices?cluster=real"; }
device_health() { devices | tr '{' '\n' | grep "\"uuid\":\"$1\"" | sed 's/.*"health":"\([^"]*\)".*/\1/'; }
are_well() { [ "$(devices | grep -o '"health":"ok"' | wc -l)" -eq "$1" ]; }
is_well() { [ "$(device_health "$1")" = ok ]; }
is_ill() { [ "$(device_health "$1")" = "does not answer" ]; }
is_lent() { call GET /v1/tenants/acme/quota | grep -q "\"headroom\":{\"device_milli\":$((cards / 2))000"; }
windows() { server_sql "SELECT count(*) FROM usage_window WHERE placement_id = '$placed' AND memory_mib_avg = 500"; }
has_windows() { [ "$(windows)" -ge "$1" ]; }
spooled() { wc -c <"$folder/agent/usage.journal"; }
has_spooled() { [ "$(spooled)" -gt 400 ]; }
has_settled() { [ "$(spooled)" -lt 400 ]; }
waits() { [ "$(server_sql "SELECT count(*) FROM placement WHERE state = 'pending'")" -eq 1 ]; }
runs() { [ "$(server_sql "SELECT count(*) FROM placement WHERE state = 'running'")" -eq "$1" ]; }

# Of one container no moment is counted twice: its windows lie beside one another.
check_once() # WHEN
{
	twice=$(server_sql "SELECT count(*) FROM usage_window a JOIN usage_window b ON b.placement_id = a.placement_id AND b.source = a.source
		AND b.ctid > a.ctid AND least(a.at, b.at) - greatest(a.at - make_interval(secs => a.window_ms / 1000.0), b.at - make_interval(secs => b.window_ms / 1000.0)) > interval '2 milliseconds'")
	[ "$twice" -eq 0 ] || fail "$1: $twice windows overlap others"
}

server_init kubernetes-nodes
# Built below a folder that the user may not look into, where root cloned into its own.
cp "$node" "$tell" "$allocate" "$folder"
run_as_user mkdir "$folder/fakes"
cp "$fakes"/* "$folder/fakes"
node=$folder/${node##*/}
tell=$folder/${tell##*/}
allocate=$folder/${allocate##*/}
fakes=$folder/fakes
server_start --edges 1
call POST /v1/tenants '{"name":"acme"}' >"$folder/said"
call PUT /v1/tenants/acme/quota "{\"models\":{\"h200-141g\":{\"guaranteed\":{\"device_milli\":${cards}000},\"limit\":{\"device_milli\":${cards}000}}}}" \
	-H 'If-Match: *' >"$folder/said"
call POST /v1/policies '{"tenant":"acme","sharing":{"lease_percent":50}}' >"$folder/policy"
call POST "/v1/policies/$(json_value id <"$folder/policy"):apply" '' -H 'If-Match: *' >"$folder/said"
call POST /v1/clusters '{"name":"real","accept":true}' | json_value join_token >"$folder/token"
chmod a+r "$folder/token"
double_start "$double"
namespace_make d acme
api POST /api/v1/nodes '{"metadata":{"name":"n1"},"status":{"allocatable":{"cpu":"64","memory":"512Gi","pods":"110","nvidia.com/gpu":"40"}}}' >"$folder/said"
door_make
double_agent_start
echo "node/n1" >"$folder/node-token"
await "the key of plans to be known" api GET /api/v1/namespaces/default/configmaps/reeve-plan-keys
api GET /api/v1/namespaces/default/configmaps/reeve-plan-keys | sed 's/.*"plan-keys.pem":"\([^"]*\)".*/\1/; s/\\n/\n/g' >"$folder/plan-keys.pem"
run_as_user mkdir -p "$folder/kubelet/device-plugins"
chmod a+r "$folder/node-token" "$folder/plan-keys.pem"

node_start --kubeconfig "$folder/kubeconfig" --plan-keys "$folder/plan-keys.pem"
await "the server to know the node's devices" are_well $cards
await "quota to be lent" is_lent
pod_make first
await "the pod to run" runs 1
placed=$(server_sql "SELECT id FROM placement WHERE state = 'running'")
uid=$(api GET /api/v1/namespaces/d/pods/first | json_value uid)
given=$(call GET "/v1/placements/$placed" | json_value uuid)
card=$(echo "$given" | cut -c6)
ill=$(((card + 1) % cards))

# From here on it tells the agent alone, as beside another vendor's plugin, whose annotation goes on saying that all is well.
ended "$node_pid" "the node"
spawn held env FAKE_GPU="$folder/gpu" FAKE_DEVICES=$cards "$tell" hold "$card" 500
held=$spawn_pid
run_as_user "$allocate" "$folder/node" first "$given" 20000 300 "$held" "$placed" "$uid"
node_start
await "what the container used to be known" has_windows 3
check_once "at first"

# The server is away: what is used is kept, and told once, also by an agent that is killed between sending and hearing of it, which
# finds its spool as it was before.
server_stop
await "the agent to keep what is used" has_spooled
run_as_user cp "$folder/agent/usage.journal" "$folder/spool"
server_start
before=$(windows)
await "what was kept to be told" has_windows $((before + 1))
await "the spool to be empty" has_settled
ended "$node_pid" "the node"
kill -KILL "$agent_pid"
await "the agent to be gone" is_over "$agent_pid"
stored=$(windows)
run_as_user cp "$folder/spool" "$folder/agent/usage.journal"
double_agent_start
await "the spool to be told again" has_settled
[ "$(windows)" -eq "$stored" ] || fail "$(windows) windows are stored where $stored were, after the spool was told again"
check_once "after the spool was told again"

# The report that the agent did not answer comes again, to one that knows nothing of it.
node_start
await "the node to be heard again" has_windows $((stored + 2))
check_once "after the node came back"

gpu_tell hung $ill 1
await "the device to be told ill" is_ill "$(gpu $ill)"
are_well $((cards - 1)) || fail "others are ill too: $(devices)"
for pod in second third fourth; do pod_make $pod; done
await "the devices that are well to be taken" runs $((cards - 1))
api GET /api/v1/namespaces/d/pods | grep -o '"hami.io/vgpu-devices-allocated":"[^"]*"' >"$folder/given"
! grep -q "$(gpu $ill)" "$folder/given" || fail "the ill device was given"
await "one to wait for the server, which has no other device" waits

gpu_tell hung $ill 0
await "the device to be well again by itself" is_well "$(gpu $ill)"
await "the pod that waited to run" runs $cards

api DELETE /api/v1/namespaces/d/pods/first >"$folder/said"
await "it to be over" runs $((cards - 1))
call GET '/v1/usage?tenant=acme' >"$folder/usage"
grep -q '"class":"h200-141g"' "$folder/usage" || fail "no GPU time is told: $(cat "$folder/usage")"
[ "$(server_sql "SELECT count(*) FROM segment WHERE placement_id = '$placed' AND ended_at IS NOT NULL")" -eq 1 ] || fail "it was not billed once"
call GET /v1/audit:verify >"$folder/books"
grep -q '"is_intact":true' "$folder/books" || fail "the books differ: $(cat "$folder/books")"
echo "$(windows) windows of one container, each counted once; a device that was ill took nothing and came back"
