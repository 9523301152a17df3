#!/bin/sh
# contract: Schemathesis over /openapi.json of a server of its own, all phases, with the checks of hooks.py as well
#
#     REEVE_CONTRACT_VENV      the environment that dev.d/venv.sh makes; without it the test is skipped
#     REEVE_SIZE_CONTRACT_*    how much (tests/sizes.sh)
#     REEVE_SEED               where the random draws begin; told when something breaks
#
# It counts the calls, its own and those that hooks.py repeats, and fails below REEVE_SIZE_CONTRACT_CALLS of them.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/contract}
# shellcheck source=tests/sizes.sh
. "$root/tests/sizes.sh"
. "$root/tests/support/script/server.sh"
st=${REEVE_CONTRACT_VENV:-}/bin/st
if ! [ -x "$st" ]; then
	echo "Schemathesis is not installed, and could not be: without a network nothing was called"
	exit 77
fi
seed=${REEVE_SEED:-$(od -An -N3 -tu4 /dev/urandom | tr -d ' ')}

# Two trees, a cluster, a class: something to find. The stranger's tenant holds another, so that nobody deletes it.
world_make()
{
	for tenant in '"name":"acme"' '"name":"research","parent":"acme"' '"name":"stranger"' '"name":"own","parent":"stranger"'; do
		call POST /v1/tenants "{$tenant}" >/dev/null
	done
	call POST /v1/clusters '{"name":"par-1"}' >/dev/null
	call POST /v1/tokens '{"name":"stranger","role":"tenant_owner","tenant":"stranger"}' >"$folder/stranger"
	REEVE_STRANGER=$(json_value token <"$folder/stranger")
	for n in 1 2 3; do
		call POST /v1/placements '{"tenant":"acme","devices":[{"count":1}]}' | json_value id
	done >"$folder/placements"
	REEVE_KNOWN="tenant=acme tenant=acme~research cluster=par-1 class=h100-80g class=l40s priority=normal priority=low
		$(sed 's/^/placements=/' "$folder/placements")"
	REEVE_URL=http://$server_plain
	REEVE_ERRORS=$root/api/errors.def
	REEVE_CALLS=$folder/calls
	REEVE_SEED=$seed
	export REEVE_STRANGER REEVE_KNOWN REEVE_URL REEVE_ERRORS REEVE_CALLS REEVE_SEED
}

# Every n-th operation, another part of them with each seed.
share()
{
	sed -n 's/^R(\([A-Z_]*\),.*/\1/p' "$root/api/routes.def" | tr '[:upper:]' '[:lower:]' |
		awk -v n="$REEVE_SIZE_CONTRACT_SHARE" -v seed="$seed" '(NR + seed) % n == 0 { print "--include-operation-id " $0 }'
}

contract_run() # PHASES [OPTION...]
{
	contract_phases=$1
	shift
	(cd "$here" && PYTHONDONTWRITEBYTECODE=1 HYPOTHESIS_STORAGE_DIRECTORY="$REEVE_CONTRACT_VENV/hypothesis" \
		"$st" run "$REEVE_URL/openapi.json" --phases "$contract_phases" \
		-n "$REEVE_SIZE_CONTRACT_EXAMPLES" --seed "$seed" -H "Authorization: Bearer $REEVE_TOKEN" --warnings off --no-color \
		"$@") || {
		printf 'the seed was %s\n' "$seed"
		grep -a 'level=error' "$folder/server.log" | tail -n 20
		exit 1
	}
	read -r generated repeated <"$REEVE_CALLS"
	calls=$((calls + generated + repeated))
	echo "so far $calls calls"
}

server_init contract
# It presents wrong tokens by the thousand, to be told each time that they are.
server_start --edges 1 --rate-guess 0
world_make
calls=0
while :; do
	# shellcheck disable=SC2046 # the list is meant to be split
	contract_run coverage,fuzzing $(share)
	contract_run stateful
	[ "$calls" -lt "$REEVE_SIZE_CONTRACT_CALLS" ] || break
	[ "$REEVE_SIZE_CONTRACT_SHARE" = 1 ] || fail "only $calls calls"
	seed=$((seed + 1))
done
! grep -a 'level=error' "$folder/server.log" || fail "the server logged errors"
echo "$calls calls, first seed ${REEVE_SEED}"
