#!/bin/sh
# The server is away for a day of the cluster's time while pods come: they start, as many as were lent and no more; when it is
# back all of it is in its books, and nothing was stopped for that.
#
#     REEVE_SIZE_LEASE_SPEED   so many seconds of the cluster pass in one: a day is 86,400 by that
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/lease}
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/server.sh"
speed=$REEVE_SIZE_LEASE_SPEED
lent=2

# Four cards, two of them lent; when the agent has had time to hear of that, a pod of one card every 50 minutes, each for an hour:
# never more than two at once. While the server is away there is one more every 20 minutes: five at once, if they could. (What
# the server places itself is not lent: were there more than are lent before it goes, it would be chance how much the cluster has
# then.)
scene()
{
	cat <<SCENE
{"cluster_uid":"sim-away","speed":$speed,
 "nodes":[{"name":"n1","cpu_milli":64000,"memory_mib":524288,"devices":[{"product":"NVIDIA H100 80GB HBM3","class":"h100-80g","memory_mib":81559,"count":4}]}],
 "pods":{"usage_interval_ms":0,"start_ms":1000},
 "arrivals":[{"tenant":"acme","class":"h100-80g","after_file":"$folder/lent","first_ms":$((3 * speed * 1000)),"every_ms":3000000,"pods":100000,"runtime_ms":3600000},
  {"tenant":"acme","class":"h100-80g","after_file":"$folder/away","every_ms":1200000,"pods":100000,"runtime_ms":3600000}]}
SCENE
}

quota_of() { call GET /v1/tenants/acme/quota; }
is_lent() { quota_of | grep -q "\"headroom\":{\"device_milli\":$((lent * 1000))"; }
pods_known() { server_sql "SELECT count(*) FROM placement WHERE origin = 'pod' AND state NOT IN ('pending', 'rejected')"; }
pods_begin() { [ "$(pods_known)" -gt 3 ]; }

# The orders of the simulated cluster: "AT_US RUNTIME_MS" of each start, and how many orders to stop there were.
starts() { tr -c '[:print:]' '\n' <"$folder/agent/cluster.journal" | sed -n 's/.*"kind":"start".*"at_us":\([0-9]*\).*"runtime_ms":\([0-9]*\).*/\1 \2/p'; }
stops() { tr -c '[:print:]' '\n' <"$folder/agent/cluster.journal" | grep -c '"kind":"stop"' || true; }
n_starts() { starts | wc -l; }

# How many stood at once at most, by the cluster's own times.
most_at_once()
{
	starts | awk '{ printf "%.0f 1\n%.0f -1\n", $1, $1 + $2 * 1000 + 1000000 }' | sort -k1,1n -k2,2n |
		awk '{ n += $2; if (n > most) most = n } END { print most + 0 }'
}

some_wait() { [ "$(server_sql "SELECT count(*) FROM placement WHERE origin = 'pod' AND state = 'pending'")" -gt 10 ]; }
all_is_told() { [ "$(pods_known)" -ge "$started" ]; }

server_init lease-away
server_start --edges 1
call POST /v1/tenants '{"name":"acme"}' >"$folder/said"
call PUT /v1/tenants/acme/quota '{"models":{"h100-80g":{"guaranteed":{"device_milli":2000},"limit":{"device_milli":2000}}}}' \
	-H 'If-Match: *' >"$folder/said"
call POST /v1/policies '{"tenant":"acme","sharing":{"lease_percent":100}}' >"$folder/policy"
call POST "/v1/policies/$(json_value id <"$folder/policy"):apply" '' -H 'If-Match: *' >"$folder/said"
call POST /v1/clusters '{"name":"sim","accept":true}' | json_value join_token >"$folder/token"
scene >"$folder/scene.json"
chmod a+r "$folder/token" "$folder/scene.json"
spawn agent "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" --simulate "$folder/scene.json" \
	--join-token-file "$folder/token" --state-dir "$folder/agent"
agent_pid=$spawn_pid
await "the loan to be made" is_lent
: >"$folder/lent"
await "pods to be let in" pods_begin

before=$(n_starts)
server_stop
: >"$folder/away"
sleep $((86400 / speed))
during=$(($(n_starts) - before))
[ "$during" -ge 30 ] || fail "only $during pods started while the server was away"
is_running "$agent_pid" || fail "the agent ended"
server_start --edges 1
started=$(n_starts)
await "all to be told" all_is_told
! grep -q "placer.drift" "$folder/server.log" || fail "the books and the agent meant something else: $(grep placer.drift "$folder/server.log" | head -n 3)"
await "those that had to wait to be told" some_wait
most=$(most_at_once)
[ "$most" -le $lent ] || fail "$most pods ran at once on $lent cards lent"
[ "$(stops)" -eq 0 ] || fail "$(stops) pods were told to stop"
ended=$(server_sql "SELECT coalesce(string_agg(DISTINCT state, ' '), '') FROM placement WHERE origin = 'pod' AND ended_at IS NOT NULL AND state <> 'done'")
[ -z "$ended" ] || fail "pods ended as: $ended"
over=$(server_sql "SELECT count(*) FROM tenant_use u JOIN tenant t ON t.key = u.tenant_key WHERE t.path = 'acme' AND u.device_milli > $((lent * 1000))")
[ "$over" -eq 0 ] || fail "the tenant is above its limit"
call GET /v1/audit:verify >"$folder/books"
grep -q '"is_intact":true' "$folder/books" || fail "the books differ: $(cat "$folder/books")"
echo "$during pods started in a day without the server, at most $most at once on $lent cards lent; $started told; none stopped"
