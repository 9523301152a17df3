#!/bin/sh
# The agent of a real cluster is killed at each write that it makes of its ledger or of a binding, before it takes effect and
# after, while pods come that are let in out of what was lent and pods that the server places. Each time another one takes
# over: every pod is bound once, the server knows all of them, and when they are gone nothing is left charged or lent out. The
# same holds where nobody is killed, but such a write is answered by an error, whether it took effect or not.
#
#     killed.sh API_DOUBLE
#     REEVE_SIZE_AGENT_KILL_POINTS   the writes of a round at which that happens: the first so many
set -eu
double=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/kubernetes}
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/server.sh"
cards=4
lent=2

api() { curl -sS -m 20 --fail-with-body -X "$1" ${3:+-H 'Content-Type: application/json' --data-binary "$3"} "http://$api_address$2"; }
control() { curl -sS -m 20 --data-binary "$2" "http://$api_address/double/$1" >"$folder/said"; }

api_start()
{
	cp "$double" "$folder/api_double"
	spawn api "$folder/api_double" "$folder/api.address"
	await "the API server's double" test -s "$folder/api.address"
	api_address=$(cat "$folder/api.address")
	printf '{"apiVersion":"v1","kind":"Config","current-context":"t","clusters":[{"name":"t","cluster":{"server":"http://%s"}}],"users":[{"name":"t","user":{}}],"contexts":[{"name":"t","context":{"cluster":"t","user":"t"}}]}\n' \
		"$api_address" >"$folder/kubeconfig"
	chmod a+r "$folder/kubeconfig"
	api POST /api/v1/namespaces '{"metadata":{"name":"kube-system"}}' >"$folder/said"
	api POST /api/v1/namespaces '{"metadata":{"name":"d","annotations":{"reeve.io/tenant":"acme"}}}' >"$folder/said"
	for node in n1 n2; do
		list=
		for card in 0 1; do
			list="$list${list:+,}{\\\"id\\\":\\\"GPU-$node-$card\\\",\\\"index\\\":$card,\\\"count\\\":10,\\\"devmem\\\":81559,\\\"devcore\\\":100,\\\"type\\\":\\\"NVIDIA H100 80GB HBM3\\\",\\\"health\\\":true}"
		done
		api POST /api/v1/nodes "{\"metadata\":{\"name\":\"$node\",\"annotations\":{\"hami.io/node-nvidia-register\":\"[$list]\"}},\"status\":{\"allocatable\":{\"cpu\":\"64\",\"memory\":\"512Gi\",\"pods\":\"110\",\"nvidia.com/gpu\":\"20\"}}}" >"$folder/said"
	done
}

agent_start()
{
	listened=$(grep -c 'site\.listening' "$folder/agent.log" 2>/dev/null || true)
	listened=${listened:-0}
	spawn agent "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --kubeconfig "$folder/kubeconfig" \
		--join-token-file "$folder/token" --state-dir "$folder/agent" --lease-s 1
	agent_pid=$spawn_pid
	await "the agent to listen" agent_listens
	agent_address=$(sed -n 's/.*site\.listening.* address="\{0,1\}\([^" ]*\).*/\1/p' "$folder/agent.log" | tail -n 1)
	await "the agent to act" curl -fsS "http://$agent_address/leaderz"
	control extender "http://$agent_address/extender"
}

agent_listens() { [ "$(grep -c 'site\.listening' "$folder/agent.log")" -gt "$listened" ]; }
agent_is_gone() { ! is_running "$agent_pid"; }
pods_here() { api GET /api/v1/namespaces/d/pods; }
n_bound() { pods_here | grep -o '"nodeName":' | wc -l; }
are_bound() { [ "$(n_bound)" -eq "$1" ]; }
live() { server_sql "SELECT count(*) FROM placement WHERE state NOT IN ('done', 'failed', 'revoked', 'rejected')"; }
n_live() { server_sql "SELECT count(*) FROM placement WHERE state IN ('bound', 'running')"; }
are_known() { [ "$(n_live)" -eq "$1" ] && [ "$(live)" -eq "$1" ]; }
in_use() { server_sql "SELECT coalesce(sum(u.device_milli), 0) FROM tenant_use u JOIN tenant t ON t.key = u.tenant_key WHERE t.path = 'acme'"; }
uses() { [ "$(in_use)" -eq "$1" ]; }
is_lent() { call GET /v1/tenants/acme/quota | grep -q "\"headroom\":{\"device_milli\":$((lent * 1000))"; }

pods_make() # ROUND
{
	made=0
	while [ $made -lt $cards ]; do
		made=$((made + 1))
		api POST /api/v1/namespaces/d/pods "{\"metadata\":{\"name\":\"p$1-$made\"},\"spec\":{\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\"}}}]},\"status\":{\"phase\":\"Pending\"}}" >"$folder/said"
	done
}

# No card has two pods, by the records of the pods; each record is that of one binding, since a bound pod cannot be bound again.
check_cards()
{
	pods_here | grep -o '"hami.io/vgpu-devices-allocated":"[^"]*"' | grep -o 'GPU-n[0-9]-[0-9]' | sort | uniq -d >"$folder/twice"
	[ ! -s "$folder/twice" ] || fail "$1: given twice: $(cat "$folder/twice")"
}

# What was the case when it failed.
fail()
{
	printf '%s\n' "$*" >&2
	set +e
	server_sql "SELECT id, name, state, fence_no, reason, blockers, placed FROM placement WHERE state NOT IN ('done', 'failed', 'revoked') ORDER BY id" >&2
	pods_here | grep -o '"name":"p[^"]*"\|"nodeName":"[^"]*"\|GPU-n[0-9]-[0-9]' >&2
	exit 1
}

round() # NUMBER before|after killed|failed
{
	name="write $1, $3 $2"
	victim=0
	[ "$3" = failed ] || victim=$agent_pid
	control kill "$victim $1 $2"
	pods_make "$1$2$3"
	await_left=100
	until agent_is_gone || { are_bound $cards && are_known $cards; }; do
		await_left=$((await_left - 1))
		[ $await_left -gt 0 ] || fail "$name: neither killed nor done"
		sleep 0.1
	done
	is_killed=0
	if agent_is_gone; then
		is_killed=1
		agent_start
	fi
	await "$name: all pods to be bound" are_bound $cards
	check_cards "$name"
	await "$name: the server to know of all" are_known $cards
	uses $((cards * 1000)) || fail "$name: $(in_use) is charged for $cards cards"
	control kill "0 0 before"
	pods_here | grep -o '"name":"p[^"]*"' | cut -d'"' -f4 | while read -r pod; do
		api DELETE "/api/v1/namespaces/d/pods/$pod" >"$folder/said"
	done
	await "$name: all to be over" are_known 0
	await "$name: what was lent to be free" is_lent
	echo "$(date +%T) $name"
	uses $((lent * 1000)) || fail "$name: $(in_use) is charged when nothing runs, of which $((lent * 1000)) is lent"
}

server_init kubernetes-killed
server_start --edges 1
call POST /v1/tenants '{"name":"acme"}' >"$folder/said"
call PUT /v1/tenants/acme/quota "{\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":${cards}000},\"limit\":{\"device_milli\":${cards}000}}}}" \
	-H 'If-Match: *' >"$folder/said"
call POST /v1/policies '{"tenant":"acme","sharing":{"lease_percent":50}}' >"$folder/policy"
call POST "/v1/policies/$(json_value id <"$folder/policy"):apply" '' -H 'If-Match: *' >"$folder/said"
call POST /v1/clusters '{"name":"real","accept":true}' | json_value join_token >"$folder/token"
chmod a+r "$folder/token"
api_start
agent_start
await "quota to be lent" is_lent
rm "$folder/token" # who has joined begins without
killed=0
point=1
while [ $point -le "$REEVE_SIZE_AGENT_KILL_POINTS" ]; do
	for when in before after; do
		round $point $when killed
		killed=$((killed + is_killed))
		round $point $when failed
		[ $is_killed -eq 0 ] || fail "write $point: an error ended the agent"
	done
	point=$((point + 1))
done
[ $killed -gt 0 ] || fail "the agent was never killed"
call GET /v1/audit:verify >"$folder/books"
grep -q '"is_intact":true' "$folder/books" || fail "the books differ: $(cat "$folder/books")"
echo "killed $killed times in $((4 * REEVE_SIZE_AGENT_KILL_POINTS)) rounds: every pod bound once, nothing leaked"
