#!/bin/sh
# plans: a manifest of 1,000 tenants is planned, applied, and exported to a manifest whose plan is empty
#
# Times are what a client waits, over TLS, from the first byte sent to the last received. Bounds: planned in less than 1 s,
# applied in less than 3 s.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
# shellcheck source=tests/support/script/server.sh
. "$root/tests/support/script/server.sh"
tenants=1000

manifest() # WEIGHT: ten trees of a hundred, three deep, with quota of two models each
{
	awk -v n=$tenants -v weight="$1" '
		function quota(d) {
			return "\"labels\":{\"team\":\"t\"},\"quota\":{\"weight\":" weight ",\"models\":{\"h100-80g\":{\"guaranteed\":{\"device_milli\":" d \
				"},\"limit\":{\"device_milli\":" 4 * d ",\"memory_mib\":655360}},\"l40s\":{\"limit\":{\"memory_mib\":196608}}}}"
		}
		BEGIN {
			printf "{\"manager\":\"bench\",\"tenants\":{"
			for (i = 0; i < n / 100; i++) {
				printf "%s\"org-%d\":{%s,\"tenants\":{", (i ? "," : ""), i, quota(100000)
				for (k = 0; k < 9; k++) {
					printf "%s\"team-%d\":{%s,\"tenants\":{", (k ? "," : ""), k, quota(11000)
					for (j = 0; j < 10; j++) printf "%s\"user-%d\":{%s}", (j ? "," : ""), j, quota(1000)
					printf "}}"
				}
				printf "}}"
			}
			print "}}"
		}'
}

timed() # NAME METHOD PATH BODY HEADER...: the seconds; the answer is in $folder/NAME
{
	timed_name=$1 timed_method=$2 timed_path=$3 timed_body=$4
	shift 4
	curl -sS --fail-with-body -m 120 --cacert "$REEVE_CA" -H "Authorization: Bearer $REEVE_TOKEN" -H 'Content-Type: application/json' \
		-X "$timed_method" ${timed_body:+--data-binary "$timed_body"} "$@" -o "$folder/$timed_name" -w '%{time_total}' \
		"$REEVE_URL$timed_path" || fail "$timed_name: $(head -c 600 "$folder/$timed_name")"
}

member() # NAME FILE
{
	sed -n 's/.*"'"$1"'":"\([^"]*\)".*/\1/p' "$folder/$2"
}

slow=0
bound() # WHAT SECONDS LIMIT
{
	echo "$1: $2 s (bound $3 s)"
	awk -v s="$2" -v most="$3" 'BEGIN { exit s >= most }' || slow=1
}

server_init plans
server_start --edges 1
manifest 2000 >"$folder/first.json"
manifest 3000 >"$folder/second.json"
echo "$(wc -c <"$folder/first.json") bytes of manifest"
for round in first second; do
	s=$(timed "$round.plan" POST /v1/plans "@$folder/$round.json")
	bound "$round: planned $(grep -o '"summary":{[^}]*}' "$folder/$round.plan")" "$s" 1
	s=$(timed "$round.apply" POST "/v1/plans/$(member plan_id "$round.plan"):apply" '' -H 'If-Match: *' -H 'Accept: text/plain')
	bound "$round: applied" "$s" 3
done
echo "exported: $(timed export GET /v1/export '') s"
timed again POST /v1/plans "@$folder/export" >/dev/null
[ "$(member result again)" = none ] || fail "the plan of the export is not empty: $(grep -o '"summary":{[^}]*}' "$folder/again")"
echo "the plan of the export is empty"
exit $slow
