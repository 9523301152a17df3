#!/bin/sh
# usage: command.sh REEVE
#
# docs/command.md: login, get, plan, apply, export and explain on a running server, with their exit codes.
set -eu
reeve=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/plan}
# shellcheck source=tests/support/script/server.sh
. "$root/tests/support/script/server.sh"
server_init plan-command
server_start --edges 1
cd "$folder"
HOME=$(mktemp -d) XDG_CONFIG_HOME=
export HOME XDG_CONFIG_HOME

# What it ended with is what the script ends with: server_end looks at it first.
ended()
{
	ended_status=$?
	rm -rf "$HOME"
	set +e
	(exit "$ended_status")
	server_end
}
trap ended EXIT

run() # CODE WORDS...: the exit code of the command; what it says is in ./said
{
	run_code=$1
	shift
	run_status=0
	"$reeve" "$@" >said 2>&1 || run_status=$?
	[ $run_status -eq "$run_code" ] || fail "reeve $*: exit $run_status, not $run_code: $(cat said)"
}

says() # TEXT
{
	grep -q -e "$1" said || fail "it does not say '$1': $(cat said)"
}

token=$REEVE_TOKEN
url=$REEVE_URL
ca=$REEVE_CA
unset REEVE_TOKEN REEVE_URL REEVE_CA
admin() # as call
(
	REEVE_TOKEN=$token REEVE_URL=$url REEVE_CA=$ca
	call "$@"
)

run 1 login --url "$url" --ca "$ca" --token wrong
says token_invalid
[ ! -e "$HOME/.config/reeve/login" ] || fail "a token that was not taken is kept"
echo "$token" | "$reeve" login --url "$url" --ca "$ca" >said 2>&1 || fail "login: $(cat said)"
[ "$(stat -c %a "$HOME/.config/reeve/login")" = 600 ] || fail "others can read the token"
# The token that is kept is for the server it is kept with: another one gets none.
run 1 get tenants --url http://127.0.0.1:1
says '127.0.0.1:1'
"$reeve" login --url "$url/" --ca "$ca" >said 2>&1 </dev/null && fail "another server was given the token: $(cat said)"
says token_missing
run 0 get tenants
run 1 get tenants 'no one'
says not_found
for verb in login get plan apply export explain; do
	run 0 "$verb" --help
	says "reeve $verb"
done

cat >tree.yaml <<'YAML'
manager: quotas
prune: true
tenants:
  acme:
    labels: {team: ml}
    quota:
      models:
        h100-80g: {guaranteed: {device_milli: 8000}, limit: {device_milli: 16000}}
      classes:
        h100-80g.mig-1g.10gb: {limit: {device_milli: 2000}}
      reclaim: {after_s: 600}
    tenants:
      research:
        quota: {weight: 2000, models: {h100-80g: {guaranteed: {device_milli: 4000}}}}
YAML
run 2 plan tree.yaml
says '^+ tenant acme/research$'
says '^4 to create, 0 to change'
run 2 plan tree.yaml -o json
says '"result":"changes"'
id=$(sed -n 's/.*"plan_id":"\([^"]*\)".*/\1/p' said)
run 0 apply "$id"
says "applied $id"
run 0 plan tree.yaml
run 0 apply tree.yaml
run 0 get tenants
says 'acme/research'
run 0 get tenants acme/research
says '^path: acme/research$'
run 0 get quota acme/research -o json
says '"weight":2000'
run 0 get tenants -o csv under=acme
run 0 get kinds
says placements
run 0 get /v1/whoami
run 2 get nothing
run 1 get tenants nobody
says 'not_found'
says 'request req_'

# A list is shown whole, however many pages it has, and what is left out is said.
awk 'BEGIN { print "manager: many\ntenants:\n  many:\n    tenants:"; for (i = 0; i < 1100; i++) printf "      t%04d: {}\n", i }' >many.yaml
run 0 apply many.yaml
run 0 get tenants --limit=0
[ "$(grep -c ' many/t' said)" -eq 1100 ] || fail "of 1100 tenants it shows $(grep -c ' many/t' said)"
[ "$(grep -c '^id ' said)" -eq 1 ] || fail "a list has one head: $(grep '^id ' said)"
run 0 get tenants --limit=0 -o json
[ "$(grep -o '"path":"many/t' said | wc -l)" -eq 1100 ] || fail "of 1100 tenants it tells $(grep -o '"path":"many/t' said | wc -l)"
run 0 get tenants under=many subtree=true
says 'there are more; --limit=0 shows all'
run 0 get tenants limit=2
[ "$(grep -c ' tnt_\|^tnt_' said)" -eq 2 ] || fail "a page that is asked for is that page: $(cat said)"

run 0 export acme
cp said exported.json
grep -q '"h100-80g.mig-1g.10gb"' exported.json || fail "the export lacks a class: $(cat exported.json)"
run 0 plan exported.json
curl -sS --fail-with-body -X PATCH -H "Authorization: Bearer $token" -H 'Content-Type: application/merge-patch+json' -H 'If-Match: *' \
	-d '{"weight":1234}' "http://$server_plain/v1/tenants/acme~research/quota" >/dev/null
run 3 plan tree.yaml
says 'weight: 2000 -> 1234 by admin'
run 3 apply tree.yaml
sed 's/^manager: quotas/manager: others/; s/weight: 2000/weight: 1/' tree.yaml >others.yaml
run 4 plan others.yaml
says 'blocked (managed_elsewhere)'
run 4 apply others.yaml
# What those above set is asked of them: done, and not done with.
admin POST /v1/tenants '{"name":"lab","parent":"acme"}' >/dev/null
curl -sS --fail-with-body -X PATCH -H "Authorization: Bearer $token" -H 'Content-Type: application/merge-patch+json' -H 'If-Match: *' \
	-d '{"models":{"l40s":{"limit":{"device_milli":1000}}}}' "http://$server_plain/v1/tenants/acme~lab/quota" >/dev/null
lab=$(admin POST /v1/tokens '{"name":"lab","role":"ci_provisioner","tenant":"acme/lab"}' | sed -n 's/.*"token":"\([^"]*\)".*/\1/p')
printf 'manager: lab\ntenants: {acme: {tenants: {lab: {quota: {models: {l40s: {limit: {device_milli: 3000}}}}}}}}\n' >lab.yaml
asks() # as run
{
	REEVE_TOKEN=$lab REEVE_URL=$url REEVE_CA=$ca
	export REEVE_TOKEN REEVE_URL REEVE_CA
	run "$@"
	unset REEVE_TOKEN REEVE_URL REEVE_CA
}
asks 2 plan lab.yaml
says '^? quota acme/lab$'
says 'requires quota.approve at acme'
says '1 to be asked for'
asks 4 apply lab.yaml
says 'waits for approval'
asks 0 plan lab.yaml
printf 'manager: x\ntenants: {acme: {colour: red}}\n' >wrong.yaml
run 1 plan wrong.yaml
says '#/tenants/acme/colour'
run 1 plan nowhere.yaml
placement=$(admin POST '/v1/placements?wait=5s' '{"tenant":"acme","devices":[{"count":64,"classes":["h100-80g"]}]}' |
	sed -n 's/.*"id":"\(plc_[^"]*\)".*/\1/p')
run 0 explain "$placement"
says '^state: '
run 1 explain plc_00000000000000000000000000
# The worker notes behind the placer whose decisions those are.
are_noted()
{
	[ "$(server_sql "SELECT n > 0 AND n = (SELECT n FROM leader WHERE name = 'placer') AND EXISTS (SELECT FROM decision_block JOIN tenant ON key = tenant_key WHERE path = 'acme') FROM decision_noted")" = t ]
}
await "the worker to note decisions" are_noted
echo "the command plans, applies, exports and explains"
