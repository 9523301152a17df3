#!/bin/sh
# usage: recipe.sh REEVE
#
# docs/audit.md does what it says: on a running server the checkpoints come, the export and the recipes hold, by our program
# and without it; and each of them sees a changed record.
set -eu
reeve=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/audit}
. "$root/tests/support/script/server.sh"
server_init audit-recipe
server_start --edges 1 --audit-every-s 1 --audit-file "$folder/checkpoints.kept"
cd "$folder"
for name in ann bob cid; do
	call POST /v1/tenants "{\"name\":\"$name\"}" >/dev/null
done
tries=0
until call GET '/v1/audit/checkpoints' | grep -q '"size":[4-9]'; do
	tries=$((tries + 1))
	[ $tries -lt 600 ] || fail "no checkpoint comes"
	sleep 0.1
done

# The recipes are the document's.
block() # LANGUAGE
{
	awk -v mark="^\`\`\`$1\$" '$0 ~ mark { on = 1; next } /^```$/ { on = 0 } on' "$root/docs/audit.md"
}
block sh >recipe
block sql >recipe.sql
[ "$(grep -c . recipe)" -gt 10 ] && [ "$(grep -c . recipe)" -le 21 ] || fail "docs/audit.md has no recipe of 20 lines"
by_hand() # whether the recipe finds nothing
{
	rm -f hashes
	(
		. ./recipe
		exit "$bad"
	) >said 2>&1
}
call GET /v1/audit/key | sed 's/.*"pem":"//; s/"}$//; s/\\n/\n/g' >key.pem
call GET /v1/audit/checkpoints '' -H 'Accept: application/x-ndjson' >checkpoints.ndjson
call GET /v1/audit '' -H 'Accept: application/x-ndjson' >records.ndjson
"$reeve" verify-audit --key key.pem checkpoints.ndjson records.ndjson || fail "the export does not hold"
sizes=$(sed 's/.*"size":\([0-9]*\),.*/\1/' checkpoints.ndjson)
for what in 2/proof "checkpoints:consistency?from=$(echo "$sizes" | head -n 1)&to=$(echo "$sizes" | tail -n 1)"; do
	call GET "/v1/audit/$what" >proof.json
	echo >>proof.json
	"$reeve" verify-audit --key key.pem proof.json || fail "$what does not hold"
done
by_hand || fail "the recipe does not hold: $(cat said)"
[ -z "$(server_sql "$(cat recipe.sql)")" ] || fail "the query does not hold"
head -n "$(grep -c . checkpoints.ndjson)" checkpoints.kept | cmp -s - checkpoints.ndjson || grep -q '"chain":"p"' checkpoints.kept ||
	fail "the file does not hold what the server serves"
[ "$(stat -c %a "$folder/data/audit/key.pem")" = 600 ] || fail "the key can be read by others"

sed '2s/tenant/tenamt/' records.ndjson >bent.ndjson
status=0
"$reeve" verify-audit --key key.pem checkpoints.ndjson bent.ndjson >said || status=$?
[ $status -eq 1 ] && grep -q '^BAD g record 2: ' said || fail "the bent record is not named: $(cat said)"
mv bent.ndjson records.ndjson
by_hand && fail "the recipe sees no bent record"
grep -q '^record 2 does not hold' said || fail "the recipe names another record: $(cat said)"
server_sql "UPDATE audit SET body = replace(body, 'tenant.create', 'tenant.delete') WHERE n = 2" >/dev/null
[ "$(server_sql "$(cat recipe.sql)")" = 2 ] || fail "the query sees no bent record"
call GET /v1/audit:verify | grep -q '"first_broken":2,"broken_chain":"g","broken_by":"hash"' || fail "the server sees no bent record"
status=0
"$reeve" verify-audit nowhere.ndjson 2>said || status=$?
[ $status -eq 2 ] && grep -q nowhere said || fail "a file that is not there: $status $(cat said)"
"$reeve" verify-audit --help | grep -q 'Exit status' || fail "--help says nothing"
