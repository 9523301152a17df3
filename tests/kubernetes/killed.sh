#!/bin/sh
# The agent of a real cluster is killed at each write that it makes of its ledger or of a binding, before it takes effect and
# after, while pods come that are let in out of what was lent and pods that the server places. Each time another one takes
# over: every pod is bound once, the server knows all of them, and when they are gone nothing is left charged or lent out. The
# same holds where nobody is killed, but such a write is answered by an error, whether it took effect or not.
#
# Then it is killed, or its connection cut, at each record of its talk with the server (joining, sync, reports and what they answer);
# and while a pod of higher priority takes another's place, at the writes of what is kept for it, of the eviction and of the bind: one
# goes and no more, and what it left is nobody else's; and while it renews a certificate that soon ends, after which the Secret holds one
# that lives long and is of its key, whether the next agent finds the files of this one or none.
#
#     killed.sh API_DOUBLE
#     REEVE_SIZE_AGENT_KILL_POINTS    the writes of a round at which that happens: the first so many
#     REEVE_SIZE_AGENT_TALK_POINTS    the records of the talk, and of that while the cluster joins
#     REEVE_SIZE_AGENT_YIELD_POINTS   the writes of a preemption
#     REEVE_SIZE_AGENT_RENEW_POINTS   the records of the talk and the writes of the Secret while a certificate is renewed
#
# Of the latter three the short tier takes each moment from one side, and kills alone.
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
	spawn api "$folder/api_double" "$folder/api.address" "127.0.0.1:${server_tls##*:}"
	await "the API server's double" test -s "$folder/api.address"
	between=https://localhost:$(sed 's/.*://' "$folder/api.address.between")
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

# It begins when the file "go" is there.
agent_spawn()
{
	listened=$(grep -c 'site\.listening' "$folder/agent.log" 2>/dev/null || true)
	listened=${listened:-0}
	[ -z "$agent_folder" ] || run_as_user rm -rf "$agent_folder"
	# shellcheck disable=SC2016,SC2086 # the inner shell expands it; options are words
	spawn agent sh -c 'while [ ! -e "$0" ]; do sleep 0.02; done; exec "$@"' "$folder/go" "$REEVE_BIN/reeve-agent" --server "$between" \
		--ca "$REEVE_CA" --kubeconfig "$folder/kubeconfig" --join-token-file "$folder/token" --lease-s 2 $agent_options
	agent_pid=$spawn_pid
}

agent_start()
{
	agent_spawn
	await "the agent to act" agent_acts
	control extender "http://$agent_address/extender"
}

agent_acts()
{
	! agent_is_gone || agent_spawn
	agent_listens || return 1
	agent_address=$(sed -n 's/.*site\.listening.* address="\{0,1\}\([^" ]*\).*/\1/p' "$folder/agent.log" | tail -n 1)
	curl -fsS "http://$agent_address/leaderz" 2>/dev/null
}

agent_listens() { [ "$(grep -c 'site\.listening' "$folder/agent.log")" -gt "$listened" ]; }
# Its number may be another's by now.
agent_is_gone() { ! is_running "$agent_pid" || ! grep -qs reeve-agent "/proc/$agent_pid/cmdline"; }
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

# Of an agent that is dead, in short: the next one need not wait until its Lease is over, which the full tier does.
lease_end()
{
	[ "${REEVE_SIZE:-short}" != short ] ||
		api PATCH "/apis/coordination.k8s.io/v1/namespaces/default/leases/reeve-agent" '{"spec":{"holderIdentity":""}}' >"$folder/said" 2>&1 || true
}

# On a machine that starves it an agent cannot hold a Lease of two seconds, and ends: a kubelet would begin another.
is_lost() { tail -n 4 "$folder/agent.log" | grep -q 'leader\.changed is_leader=0'; }

# There is an agent: one that was killed when all seemed done has left its work to the next.
keep() # COMMAND...
{
	if agent_is_gone; then
		is_lost || [ "$how" = killed ] || fail "an error ended the agent"
		keep_what=$await_what
		keep_left=$await_left
		lease_end
		agent_start
		await_what=$keep_what
		await_left=$keep_left
	fi
	"$@"
}

# Until the agent is killed, or that holds; then there is one again.
killed_or() # NAME COMMAND...
{
	killed_name=$1
	shift
	await_left=200
	is_killed=0
	until [ $is_killed -eq 1 ] || "$@"; do
		await_left=$((await_left - 1))
		[ $await_left -gt 0 ] || fail "$killed_name: neither killed nor done"
		sleep 0.05
		agent_is_gone || continue
		is_lost || is_killed=1
		lease_end
		agent_start
	done
	control kill "0 0 before"
	control talk "0 0 before"
}

are_done() { are_bound $cards && are_known $cards; }

pods_end() # NAME
{
	pods_here | grep -o '"name":"p[^"]*"' | cut -d'"' -f4 | while read -r pod; do
		api DELETE "/api/v1/namespaces/d/pods/$pod" >"$folder/said"
	done
	await "$1: all to be over" keep are_known 0
	await "$1: what was lent to be free" keep is_lent
	echo "$(date +%T) $1"
	uses $((lent * 1000)) || fail "$1: $(in_use) is charged when nothing runs, of which $((lent * 1000)) is lent"
}

# At a write of the ledger or of a binding (kill), or at a record of the talk with the server (talk).
round() # NUMBER before|after killed|failed kill|talk
{
	name="$4 $1, $3 $2"
	how=$3
	victim=0
	[ "$3" = failed ] || victim=$agent_pid
	control "$4" "$victim $1 $2"
	pods_make "$1$2$3$4"
	killed_or "$name" are_done
	await "$name: all pods to be bound" keep are_bound $cards
	check_cards "$name"
	await "$name: the server to know of all" keep are_known $cards
	uses $((cards * 1000)) || fail "$name: $(in_use) is charged for $cards cards"
	pods_end "$name"
}

part_make() # NAME MIB PRIORITY [CARD]
{
	api POST /api/v1/namespaces/d/pods "{\"metadata\":{\"name\":\"$1\"${4:+,\"annotations\":{\"nvidia.com/use-gpuuuid\":\"$4\"\}}},\"spec\":{\"priority\":$3,\"containers\":[{\"name\":\"c\",\"resources\":{\"limits\":{\"nvidia.com/gpu\":\"1\",\"nvidia.com/gpumem\":\"$2\"}}}]},\"status\":{\"phase\":\"Pending\"}}" >"$folder/said"
}
is_there() { api GET "/api/v1/namespaces/d/pods/$1" >"$folder/pod" 2>/dev/null; }
is_placed() { is_there "$1" && grep -q '"nodeName":' "$folder/pod"; }
n_there() { n_there=0; for there in "$@"; do ! is_there "$there" || n_there=$((n_there + 1)); done; echo $n_there; }

# No card has more memory given than it has.
check_memory() # NAME
{
	pods_here | grep -o '"hami.io/vgpu-devices-allocated":"[^"]*"' | grep -o 'GPU-n[0-9]-[0-9],[A-Z]*,[0-9]*' |
		awk -F, -v name="$1" '{ mib[$1] += $3 } END { for (d in mib) if (mib[d] > 81559) { print name ": " d " is given " mib[d] " MiB"; bad = 1 } exit bad }' >&2 ||
		fail "$1: a device is given more than it has"
}

# On each card a pod leaves too little for one of higher priority, which takes the place of one of them, all out of what is lent; others of
# low priority wait for what that leaves.
yield_round() # NUMBER before|after killed|failed
{
	name="preemption, write $1, $3 $2"
	how=$3
	low=
	for card in n1-0 n1-1 n2-0 n2-1; do
		low="$low p$1$2$3-$card"
		part_make "p$1$2$3-$card" 25000 0 GPU-$card
	done
	await "$name: four pods to be bound" keep are_bound 4
	await "$name: the server to know of them" keep are_known 4
	victim=0
	[ "$3" = failed ] || victim=$agent_pid
	control kill "$victim $1 $2"
	for thief in 1 2 3 4 5; do part_make "p$1$2$3-thief$thief" 58000 0; done
	part_make "p$1$2$3-high" 60000 100
	killed_or "$name" is_placed "p$1$2$3-high"
	await "$name: the important pod to be bound" keep is_placed "p$1$2$3-high"
	check_memory "$name"
	# shellcheck disable=SC2086 # names are words
	[ "$(n_there $low)" -eq 3 ] || fail "$name: $(n_there $low) of 4 are left, where 3 may stay"
	for thief in 1 2 3 4 5; do
		! is_placed "p$1$2$3-thief$thief" || fail "$name: another pod stands where one went for the important one"
	done
	await "$name: the server to know of all" keep are_live 4
	pods_end "$name"
}
are_live() { [ "$(n_live)" -eq "$1" ]; }

# Joined by a token that counts once, with the agent killed at a record of that.
join_round() # NUMBER before|after
{
	name="join, record $1 $2"
	api DELETE /api/v1/namespaces/kube-system >"$folder/said"
	api POST /api/v1/namespaces '{"metadata":{"name":"kube-system"}}' >"$folder/said"
	call POST /v1/clusters "{\"name\":\"j$1$2\",\"accept\":true}" | json_value join_token >"$folder/token"
	chmod a+r "$folder/token"
	agent_options="--namespace j$1$2 --state-dir $folder/j$1$2"
	rm -f "$folder/go"
	agent_spawn
	control talk "$agent_pid $1 $2"
	: >"$folder/go"
	killed_or "$name" has_session "j$1$2"
	await "$name: the cluster to be heard of" has_session "j$1$2"
	echo "$(date +%T) $name"
	kill -KILL "$agent_pid"
	await "the agent to be gone" agent_is_gone
}
has_session() { [ "$(server_sql "SELECT count(*) FROM agent_session s JOIN cluster c ON c.key = s.cluster_key WHERE c.name = '$1' AND c.state = 'ready' AND s.acked_seq > 0")" -eq 1 ]; }

secret=/api/v1/namespaces/default/secrets/reeve-agent
of_secret() { api GET "$secret" | json_value "$1" | base64 -d; } # KEY

# The Secret's certificate, which the server knows, has two days left.
certificate_age()
{
	of_secret cert.pem >"$folder/old.pem"
	of_secret key.pem >"$folder/old.key"
	aged_serial=4a$(openssl rand -hex 15)
	openssl x509 -in "$folder/old.pem" -noout -ext subjectAltName | sed -n 's/^ *\(URI:.*\)/subjectAltName=\1\nextendedKeyUsage=clientAuth/p' >"$folder/old.ext"
	openssl req -new -key "$folder/old.key" -subj /CN=reeve-agent -out "$folder/old.csr"
	openssl x509 -req -in "$folder/old.csr" -CA "$REEVE_CA" -CAkey "$folder/data/ca/key.pem" -set_serial "0x$aged_serial" -days 2 \
		-extfile "$folder/old.ext" -out "$folder/aged.pem" 2>"$folder/said"
	server_sql "INSERT INTO agent_certificate (serial, cluster_key, expires_at) SELECT '$aged_serial', key, now() + interval '2 days' FROM cluster WHERE name = 'real'"
	api PATCH "$secret" "{\"data\":{\"cert.pem\":\"$(base64 -w 0 "$folder/aged.pem")\"}}" >"$folder/said"
}

# Another one that lives long stands in the Secret, of the same key.
is_renewed()
{
	of_secret cert.pem >"$folder/new.pem" 2>/dev/null && ! cmp -s "$folder/new.pem" "$folder/aged.pem" &&
		openssl x509 -in "$folder/new.pem" -noout -checkend 518400 >"$folder/said" &&
		[ "$(openssl x509 -in "$folder/new.pem" -noout -pubkey)" = "$(openssl pkey -in "$folder/old.key" -pubout)" ]
}
session() { server_sql "SELECT session FROM agent_session s JOIN cluster c ON c.key = s.cluster_key WHERE c.name = 'real' AND s.acked_seq > 0"; }
has_begun() { [ "$(session)" != "$1" ]; }

renew_round() # NUMBER before|after HOW kill|talk
{
	name="renewal, $4 $1, $3 $2"
	how=$3
	kill -TERM "$agent_pid"
	await "$name: the agent to leave" agent_is_gone
	certificate_age
	before=$(session)
	agent_folder=
	[ $(($1 % 2)) -eq 0 ] || agent_folder=$folder/agent
	rm -f "$folder/go"
	agent_spawn
	victim=0
	[ "$3" = failed ] || victim=$agent_pid
	control "$4" "$victim $1 $2"
	: >"$folder/go"
	killed_or "$name" is_renewed
	await "$name: another certificate in the Secret" keep is_renewed
	await "$name: the agent to speak" keep has_begun "$before"
	agent_folder=
	echo "$(date +%T) $name"
}

# POINT:before|after:HOW, each.
moments() # POINTS HOW...
{
	moments_n=$1
	shift
	moments_i=0
	while [ $moments_i -lt "$moments_n" ]; do
		moments_i=$((moments_i + 1))
		if [ "${REEVE_SIZE:-short}" = short ]; then
			echo "$moments_i:$([ $((moments_i % 2)) -eq 0 ] && echo after || echo before):killed"
			continue
		fi
		for moments_how in "$@"; do
			echo "$moments_i:before:$moments_how"
			echo "$moments_i:after:$moments_how"
		done
	done
}

moment_take() # MOMENT
{
	point=${1%%:*}
	how=${1##*:}
	when=${1#*:}
	when=${when%:*}
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
agent_options="--state-dir $folder/agent"
agent_folder= # what an agent finds no more when it begins
: >"$folder/go"
agent_start
how=killed
await "quota to be lent" keep is_lent
rm "$folder/token" # who has joined begins without
killed=0
point=1
while [ $point -le "$REEVE_SIZE_AGENT_KILL_POINTS" ]; do
	for when in before after; do
		round $point $when killed kill
		killed=$((killed + is_killed))
		round $point $when failed kill
		[ $is_killed -eq 0 ] || fail "write $point: an error ended the agent"
	done
	point=$((point + 1))
done
[ $killed -gt 0 ] || fail "the agent was never killed"
talked=0
for moment in $(moments "$REEVE_SIZE_AGENT_TALK_POINTS" killed failed); do
	moment_take "$moment"
	round "$point" "$when" "$how" talk
	[ "$how" = killed ] || [ $is_killed -eq 0 ] || fail "record $point: a cut connection ended the agent"
	talked=$((talked + is_killed))
done
[ $talked -gt 0 ] || fail "the agent was never killed while it talked"
yielded=0
for moment in $(moments "$REEVE_SIZE_AGENT_YIELD_POINTS" killed failed); do
	moment_take "$moment"
	yield_round "$point" "$when" "$how"
	[ "$how" = killed ] || [ $is_killed -eq 0 ] || fail "preemption, write $point: an error ended the agent"
	yielded=$((yielded + is_killed))
done
[ $yielded -gt 0 ] || fail "the agent was never killed while pods yielded"
renewed=0
for moment in $(moments "$REEVE_SIZE_AGENT_RENEW_POINTS" killed failed); do
	moment_take "$moment"
	# In short at the write by which the others would learn of it.
	[ "$REEVE_SIZE_AGENT_RENEW_POINTS" -gt 1 ] || point=2
	for what in $([ "$REEVE_SIZE_AGENT_RENEW_POINTS" -eq 1 ] || echo talk) kill; do
		renew_round "$point" "$when" "$how" "$what"
		[ "$how" = killed ] || [ $is_killed -eq 0 ] || fail "renewal, $what $point: an error ended the agent"
		renewed=$((renewed + is_killed))
	done
done
[ $renewed -gt 0 ] || fail "the agent was never killed while it renewed its certificate"
call GET /v1/audit:verify >"$folder/books"
grep -q '"is_intact":true' "$folder/books" || fail "the books differ: $(cat "$folder/books")"

kill -KILL "$agent_pid"
await "the agent to be gone" agent_is_gone
for moment in $(moments "$REEVE_SIZE_AGENT_TALK_POINTS" killed); do
	moment_take "$moment"
	join_round "$point" "$when"
done
echo "killed $killed times in $((4 * REEVE_SIZE_AGENT_KILL_POINTS)) rounds of writes, $talked times while it talked, again while it joined, $yielded times while pods yielded, $renewed times while it renewed its certificate: every pod bound once, nothing leaked"
