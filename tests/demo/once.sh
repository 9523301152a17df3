#!/bin/sh
# The fixed scenario holds in every check, twice in the same folder, and leaves nothing behind.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/demo}
. "$root/tests/demo/part.sh"
part_init demo-once

for round in 1 2; do
	run_as_user "$REEVE_BIN/reeve" demo --once --state "$folder/state" --bin "$REEVE_BIN" --pg-bin "$REEVE_PG_BIN" \
		--demo-listen 127.0.0.1:0 </dev/null || fail "round $round: exit status $?"
	part_expect_gone "round $round"
	[ ! -e "$folder/state/env" ] || fail "round $round: env is still there"
done
! grep -hE 'level=(warn|error)' "$folder"/state/once/server.log "$folder"/state/once/*/log ||
	fail "the logs hold warnings"
