#!/bin/sh
# Prints docs/errors.md from api/errors.def; ./dev format writes it, lint checks that it is current.
set -eu
cd "$(dirname -- "$0")/.."
cat <<'HEAD'
# Errors

<!-- Written by docs/errors.sh from api/errors.def: change that and run ./dev format. -->

Every refusal is an `application/problem+json` document. `code` is what a client may match on: it never changes.
`type` is `/problems/` and the code with dashes; `pointer` names the field by JSON Pointer where there is one.

| status | code | title |
|---|---|---|
HEAD
# E(ID, STATUS, "code", "Title"); status 0 never leaves the process.
sed -n 's|^E(\([A-Z0-9_]*\), *\([0-9]*\), *"\([a-z0-9_]*\)", *"\(.*\)").*$|\2 \3 \4|p' api/errors.def |
	while read -r status code title; do
		[ "$status" = 0 ] || printf '| %s | `%s` | %s |\n' "$status" "$code" "$title"
	done
