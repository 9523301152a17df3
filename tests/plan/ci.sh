#!/bin/sh
# usage: ci.sh LOCAL_ISSUER
#
# What stands in deploy/ci runs: the steps are taken out of the files and run as the CI systems do, with their environment,
# from the job's identity token to the tenants that are made.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/plan}
export LOCAL_ISSUER="$1"
# shellcheck source=tests/support/script/server.sh
. "$root/tests/support/script/server.sh"
# shellcheck source=tests/support/script/issuer.sh
. "$root/tests/support/script/issuer.sh"

server_init plan-ci
issuer_start
server_start --edges 1 --ci-issuers "$ISSUER_URL" --issuer-ca "$ISSUER_CA"
cd "$folder"
cat "$REEVE_CA" "$ISSUER_CA" >both.pem
export CURL_CA_BUNDLE="$folder/both.pem"

# The lines under "run: |" of a GitHub step, or under "- |" of GitLab's script, without their indentation.
step() # FILE NAME
{
	awk -v name="$2" '
		$0 ~ "^ *(- name: " name "|" name ":)$" { here = 1; next }
		here && /^ *(run: |- )[|]$/ { on = 1; next }
		on { n = match($0, /[^ ]/) - 1; if (n < 0) { print ""; next }
			if (!depth) depth = n
			if (n < depth) exit
			print substr($0, depth + 1) }' "$root/deploy/ci/$1" >"step.$2.sh"
	[ "$(grep -c . "step.$2.sh")" -gt 3 ] || fail "$1 has no step $2"
}
step github-actions.yml 'Sign in'
step github-actions.yml Plan
step github-actions.yml Apply
step gitlab-ci.yml script

call POST /v1/tenants '{"name":"acme"}' >/dev/null
trust() # NAME MATCH ROLE
{
	call POST /v1/trusts '{"name":"'"$1"'","issuer":"'"$ISSUER_URL"'","audience":"'"$REEVE_URL"'","match":{'"$2"'},
		"grants":[{"role":"'"$3"'","tenant":"acme"}]}' >/dev/null
}
trust hub '"repository_id":"7","environment":"prod"' ci_provisioner
trust hub-plan '"repository_id":"7","environment":"plan"' viewer
trust lab '"project_id":"20","ref":"main","ref_protected":"true"' ci_provisioner
admin_token=$REEVE_TOKEN
unset REEVE_TOKEN

github() # EVENT ENVIRONMENT: the job's steps; its exit code is that of the step that ends it
{
	issuer_pipeline '"sub":"x","repository_id":"7","environment":"'"$2"'"'
	runs=$((${runs:-0} + 1))
	rm -f env output summary
	export ACTIONS_ID_TOKEN_REQUEST_URL="$ISSUER_URL/mint?api-version=2" ACTIONS_ID_TOKEN_REQUEST_TOKEN=x MANIFEST=tenants.yaml \
		GITHUB_ENV="$folder/env" GITHUB_OUTPUT="$folder/output" GITHUB_STEP_SUMMARY="$folder/summary" \
		GITHUB_RUN_ID="$runs" GITHUB_RUN_ATTEMPT=1 GITHUB_EVENT_NAME="$1"
	code=0
	bash -e "step.Sign in.sh" >said 2>&1 || fail "sign in: $(cat said)"
	REEVE_TOKEN=$(sed -n 's/^REEVE_TOKEN=//p' env)
	export REEVE_TOKEN
	bash -e step.Plan.sh >said 2>&1 || { code=$? && return 0; }
	[ "$1" = push ] || return 0
	PLAN_ID=$(sed -n 's/^id=//p' output) bash -e step.Apply.sh >said 2>&1 || code=$?
}

gitlab() # SOURCE
{
	issuer_pipeline '"sub":"x","project_id":"20","ref":"main","ref_protected":"true"'
	runs=$((runs + 1))
	REEVE_ID=$(curl -sS "$ISSUER_URL/mint?audience=$REEVE_URL" | sed -n 's/.*"value": *"\([^"]*\)".*/\1/p')
	export REEVE_ID CI_JOB_ID="lab$runs" CI_PIPELINE_SOURCE="$1" MANIFEST=tenants.yaml
	code=0
	sh -e step.script.sh >said 2>&1 || code=$?
}

expect() # CODE WHAT
{
	[ "$code" -eq "$1" ] || fail "$2: exit $code, not $1: $(cat said)"
}

paths()
{
	curl -sS -H "Authorization: Bearer $admin_token" "$REEVE_URL/v1/tenants?under=acme&subtree=true" | grep -o '"path":"[^"]*"' | tr -d '\n'
}

printf 'manager: git\ntenants:\n  acme:\n    tenants:\n      nlp: {labels: {team: nlp}}\n' >tenants.yaml
github pull_request plan
expect 0 "a pull request"
grep -q '^+ tenant acme/nlp$' summary || fail "the summary lacks the plan: $(cat summary)"
[ "$(paths)" = '"path":"acme"' ] || fail "a pull request made something: $(paths)"
github push prod
expect 0 "a push"
[ "$(paths)" = '"path":"acme""path":"acme/nlp"' ] || fail "a push made: $(paths)"
github schedule prod
expect 0 "a night without drift"

curl -sS --fail-with-body -X PATCH -H "Authorization: Bearer $admin_token" -H 'Content-Type: application/merge-patch+json' -H 'If-Match: *' \
	-d '{"labels":{"team":"cv"}}' "$REEVE_URL/v1/tenants/acme~nlp" >/dev/null
github schedule prod
expect 3 "a night with drift"
gitlab schedule
expect 3 "a night with drift at GitLab"
printf 'manager: git\non_drift: overwrite\ntenants:\n  acme:\n    tenants:\n      nlp: {labels: {team: nlp}}\n      cv: {}\n' >tenants.yaml
gitlab merge_request_event
expect 0 "a merge request"
gitlab push
expect 0 "a push at GitLab"
[ "$(paths)" = '"path":"acme""path":"acme/cv""path":"acme/nlp"' ] || fail "a push at GitLab made: $(paths)"
echo "the files of deploy/ci bring a manifest about"
