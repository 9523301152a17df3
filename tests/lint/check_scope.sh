#!/bin/sh
# A tenant's scope is set in one place, and nothing in a lane's transaction can bring an older one back: set_config stands in
# one statement, which one file sends; no savepoints, no exception blocks.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"
bad=0
found()
{
	[ -z "$1" ] && return
	echo "$1"
	echo "$2"
	bad=1
}
sql=$(ls db/queries/*.sql migrations/*.sql)
# shellcheck disable=SC2086
{
	found "$(grep -n -i 'set_config' $sql | grep -v '^db/queries/ledger.sql:')" "the scope is set by scope_set alone"
	found "$(grep -n -i -E '\bsavepoint\b|exception +when' $sql)" "rolling back to a savepoint brings an older scope back"
	found "$(grep -n -i -E '\bset +(local +)?app\.' $sql)" "the scope is set by scope_set alone"
}
count=$(grep -c -i 'set_config' db/queries/ledger.sql)
[ "$count" = 1 ] || found "db/queries/ledger.sql: $count" "set_config stands in one statement"
found "$(grep -l 'sql_stmts\[SQL_SCOPE_SET\]' db/*.c | grep -v '^db/pipe_flow.c$')" "scope_set is sent by pipe_send alone"
exit $bad
