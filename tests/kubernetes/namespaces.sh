#!/bin/sh
# Whose the pods of a cluster's namespaces are, from the server's word to the pod: given, given to another, said by labels, taken away;
# and the server ended between the word and the agent's question, so that the agent asks another one.
#
#     namespaces.sh API_DOUBLE
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/kubernetes}
. "$root/tests/support/script/server.sh"
# shellcheck source=tests/kubernetes/double.sh
. "$here/double.sh"

SPACES=/v1/clusters/real/namespaces
say() { call PUT "$SPACES/$1" "{\"tenant\":\"$2\"}" -H "$3" >"$folder/said"; }
take_away() { call DELETE "$SPACES/$1" '' -H 'If-Match: *' >"$folder/said"; }
pods=0

pod_new() # NAMESPACE
{
	pods=$((pods + 1))
	api POST "/api/v1/namespaces/$1/pods" "{\"metadata\":{\"name\":\"p$pods\"},\"spec\":{\"containers\":[{\"name\":\"main\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"1000\"}}}]},\"status\":{\"phase\":\"Pending\"}}" >"$folder/said"
}

whose() { server_sql "SELECT t.path FROM placement p JOIN tenant t ON t.key = p.tenant_key WHERE p.name = '$1' OR p.name LIKE '%/$1' ORDER BY p.created_at DESC LIMIT 1"; }
is_of() { [ "$(whose "p$pods")" = "$1" ]; }
is_bound() { api GET "/api/v1/namespaces/$1/pods/p$pods" | grep -q '"nodeName":'; }
# What was admitted before the agent heard of the change is whose it was: another one is tried.
comes_to() # NAMESPACE TENANT
{
	pod_new "$1"
	tries=0
	until is_bound "$1"; do
		tries=$((tries + 1))
		[ $tries -lt 300 ] || return 1
		sleep 0.05
	done
	is_of "$2" || { sleep 0.2; is_of "$2"; }
}
comes_to_nobody() # NAMESPACE
{
	pod_new "$1"
	sleep 1
	! is_bound "$1"
}

server_init kubernetes-namespaces
server_start --edges 1
for tenant in acme umbra; do
	call POST /v1/tenants "{\"name\":\"$tenant\"}" >"$folder/said"
	call PUT "/v1/tenants/$tenant/quota" '{"models":{"h100-80g":{"guaranteed":{"device_milli":2000},"limit":{"device_milli":100000}}}}' -H 'If-Match: *' >"$folder/said"
done
call POST /v1/clusters '{"name":"real","accept":true}' | json_value join_token >"$folder/token"
chmod a+r "$folder/token"
double_start "$1"
api POST /api/v1/namespaces '{"metadata":{"name":"d"}}' >"$folder/said"
api POST /api/v1/namespaces '{"metadata":{"name":"nlp","labels":{"team":"nlp","stage":"prod"}}}' >"$folder/said"
list=
for card in 0 1 2 3; do
	list="$list${list:+,}{\\\"id\\\":\\\"GPU-$card\\\",\\\"index\\\":$card,\\\"count\\\":10,\\\"devmem\\\":81559,\\\"devcore\\\":100,\\\"type\\\":\\\"NVIDIA H100 80GB HBM3\\\",\\\"health\\\":true}"
done
api POST /api/v1/nodes "{\"metadata\":{\"name\":\"n1\",\"annotations\":{\"hami.io/node-nvidia-register\":\"[$list]\"}},\"status\":{\"allocatable\":{\"cpu\":\"64\",\"memory\":\"512Gi\",\"pods\":\"110\",\"nvidia.com/gpu\":\"40\"}}}" >"$folder/said"
door_make
# shellcheck disable=SC2119 # it takes options of the agent; here are none
double_agent_start

await "a namespace without a word to be nobody's" comes_to_nobody d
say d acme 'If-None-Match: *'
await "a namespace that was given" comes_to d acme
say d umbra 'If-Match: *'
await "one that was given to another" comes_to d umbra
say team=nlp acme 'If-None-Match: *'
await "one with a label" comes_to nlp acme

# The agent hears of it from a server that it does not find at first.
say stage=prod,team=nlp umbra 'If-None-Match: *'
take_away d
server_stop
server_start
await "what names more of its labels, after the server was away" comes_to nlp umbra
await "what was taken away, after it was away" comes_to_nobody d
echo "namespaces follow the server's word"
