#!/bin/sh
# exchange: a pipeline's job from its identity token to a change, with nothing but curl, as docs/identity.md tells it
#
#     exchange.sh LOCAL_ISSUER
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/issuer}
LOCAL_ISSUER=$1
# shellcheck source=tests/support/script/server.sh
. "$root/tests/support/script/server.sh"
# shellcheck source=tests/support/script/issuer.sh
. "$root/tests/support/script/issuer.sh"

member() # NAME: of the JSON object on standard input
{
	sed -n 's/.*"'"$1"'": *"\([^"]*\)".*/\1/p'
}

admin() # METHOD PATH BODY
{
	curl -sS --fail-with-body -m 20 --cacert "$REEVE_CA" -H "Authorization: Bearer $REEVE_TOKEN" \
		-H 'Content-Type: application/json' -X "$1" -d "$3" "$REEVE_URL$2" >"$folder/answer" || fail "$1 $2: $(cat "$folder/answer")"
}

# What a job runs. Its environment is the CI system's: ACTIONS_ID_TOKEN_REQUEST_URL and the audience.
exchange()
{
	job_token=$(curl -sS -m 20 --cacert "$ISSUER_CA" "$ACTIONS_ID_TOKEN_REQUEST_URL&audience=$REEVE_URL" | member value)
	curl -sS -m 20 --cacert "$REEVE_CA" "$REEVE_URL/v1/auth/token" \
		-d grant_type=urn:ietf:params:oauth:grant-type:token-exchange \
		-d subject_token_type=urn:ietf:params:oauth:token-type:id_token --data-urlencode "subject_token=$job_token"
}

server_init exchange
issuer_start
server_start --edges 1 --ci-issuers "$ISSUER_URL" --issuer-ca "$ISSUER_CA"
ACTIONS_ID_TOKEN_REQUEST_URL="$ISSUER_URL/mint?api-version=2"
admin POST /v1/tenants '{"name":"acme"}'
admin POST /v1/trusts '{"name":"main","issuer":"'"$ISSUER_URL"'","audience":"'"$REEVE_URL"'",
	"match":{"repository_id":"7","ref":"refs/heads/main","ref_protected":"true"},
	"grants":[{"role":"ci_provisioner","tenant":"acme"}]}'

issuer_pipeline '"sub":"x","repository_id":"7","ref":"refs/heads/dev","ref_protected":"false"'
refused=$(exchange | member claim)
[ "$refused" = ref ] || fail "another branch: the answer names '$refused'"

issuer_pipeline '"sub":"x","repository_id":"7","ref":"refs/heads/main","ref_protected":"true"'
job=$(exchange | member access_token)
case $job in
rv_ci_*) ;;
*) fail "no token came: $(exchange)" ;;
esac
REEVE_TOKEN=$job
admin POST /v1/tenants '{"name":"made","parent":"acme"}'
[ "$(member path <"$folder/answer")" = acme/made ] || fail "made: $(cat "$folder/answer")"
echo "a pipeline made $(member path <"$folder/answer")"
