#!/bin/sh
# shape.sh: a placement's devices by how they are built, from the request to the agent and back, with the real programs
#
# One simulated cluster: a node of MIG devices, a tainted node whose devices are linked in pairs.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/placer}
# shellcheck source=tests/support/script/server.sh
. "$root/tests/support/script/server.sh"
server_init placer-shape
server_start --edges 1

run_as_user tee "$folder/scene.json" >/dev/null <<'JSON'
{"cluster_uid": "shape", "pods": {"start_ms": 20, "usage_interval_ms": 0}, "nodes": [
 {"name": "cut", "cpu_milli": 64000, "memory_mib": 524288, "labels": {"zone": "a"}, "devices": [
  {"product": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "count": 2, "numa": 0, "share_mode": "instances", "geometry": "mig-h100-80g"}]},
 {"name": "paired", "cpu_milli": 64000, "memory_mib": 524288, "taints": [{"key": "whole", "value": "only", "effect": "NoSchedule"}],
  "links": {"weights": [400, 20, 20, 20, 20, 400]}, "devices": [
  {"product": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "count": 2, "numa": 0},
  {"product": "NVIDIA H100 80GB HBM3", "memory_mib": 81559, "count": 2, "numa": 1}]}]}
JSON
run_as_user mkdir -p "$folder/agent"
token=$(call POST /v1/clusters '{"name":"one","accept":true}' | json_value join_token)
spawn agent env REEVE_JOIN_TOKEN="$token" "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" \
	--simulate "$folder/scene.json" --state-dir "$folder/agent"
devices()
{
	[ "$(call GET /v1/devices | grep -o '"uuid"' | wc -l)" -eq 6 ]
}
await "the agent's devices" devices

says() # TEXT JSON
{
	printf '%s' "$2" | grep -q -F -e "$1" || fail "it does not say '$1': $2"
}

# A placement that gets where it asks to: its id in $id, what it was given in $said.
place() # BODY
{
	id=$(call POST '/v1/placements?wait=5s' "$1" | json_value id)
	await "$1 to run" runs
	said=$(call GET "/v1/placements/$id")
}

runs()
{
	call GET "/v1/placements/$id" | grep -q -F '"state":"running"'
}

ended()
{
	call GET "/v1/placements/$id" | grep -q -F '"state":"revoked"'
}

release() # ID
{
	id=$1
	call DELETE "/v1/placements/$id" >/dev/null
	await "$id to end" ended
}

cut=$(call GET '/v1/devices?node=cut')
says '"share_mode":"instances"' "$cut"
says '"geometry":"mig-h100-80g"' "$cut"
paired=$(call GET '/v1/devices?node=paired')
says '"numa":1,"share_mode":"shares"' "$paired"
nodes=$(call GET /v1/nodes)
says '"key":"whole","value":"only","effect":"NoSchedule"' "$nodes"
says '"weights":[400,20,20,20,20,400]' "$nodes"

call POST /v1/tenants '{"name":"acme"}' >/dev/null
three='{"tenant":"acme","devices":[{"classes":["h100-80g"],"mig_profile":"3g.40gb"}]}'
place "$three"
first=$id
says '"memory_mib":40448,"compute_milli":428,"mig_profile":"3g.40gb","start":' "$said"
place '{"tenant":"acme","devices":[{"classes":["h100-80g.mig-4g.40gb"]}],"node_selector":{"zone":"a"}}'
says '"mig_profile":"4g.40gb","start":0' "$said"
quota=$(call GET /v1/tenants/acme/quota)
says '"h100-80g.mig-3g.40gb" : {"used":{"device_milli":496,"memory_mib":40448,"compute_milli":428}}' "$quota"

pair='{"tenant":"acme","topology":"required","tolerations":[{"key":"whole"}],"devices":[{"count":2,"classes":["h100-80g"],"numa_bind":true}]}'
place "$pair"
says '"uuid":"GPU-paired-0"' "$said"
says '"uuid":"GPU-paired-1"' "$said"
far=$(call POST '/v1/placements:simulate' '{"tenant":"acme","topology":"required","tolerations":[{}],"devices":[{"count":3,"classes":["h100-80g"]}]}')
says '"fits":false' "$far"
says '"code":"no_fitting_device"' "$far"

# A start from the tables knows the places of what runs: 3g fits twice more, on the other device, and no more.
server_stop
server_start
place "$three"
place "$three"
last=$(call POST '/v1/placements?wait=5s' '{"tenant":"acme","queue":false,"devices":[{"mig_profile":"3g.40gb"}]}')
says '"state":"rejected"' "$last"
says '"code":"profile"' "$last"
code=$(curl -s -o "$folder/refused" -w '%{http_code}' -X PUT -H "Authorization: Bearer $REEVE_TOKEN" -H 'If-Match: *' \
	-H 'Content-Type: application/json' -d '{"vendor":"nvidia","patterns":["NVIDIA H100*"],"memory_mib":81559}' \
	"http://$server_plain/v1/device-classes/h100-80g")
[ "$code" = 409 ] || fail "rules that instances stand by were changed: $code $(cat "$folder/refused")"
release "$first"
place "$three"
books=$(call GET '/v1/audit:verify')
says '"is_intact":true' "$books"
echo "profiles, links, NUMA nodes, labels and taints decide where placements run"
