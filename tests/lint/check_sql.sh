#!/bin/sh
# SQL stands in db/ and migrations/ alone: no string of another room begins or goes on like a statement.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"
sql='"[^"]*(SELECT .* FROM|INSERT INTO|UPDATE [a-z_]+ SET|DELETE FROM|(CREATE|ALTER|DROP) (TABLE|INDEX|ROLE|DATABASE)|BEGIN;|COMMIT;|ON CONFLICT|LISTEN [a-z]|NOTIFY [a-z])'
"$lint/tree.sh" product | grep -v '^db/' | while read -r file; do
	awk -v keep=strings -f "$lint/strip.awk" "$file" | grep -n -E "$sql" | sed "s|^|$file:|"
done | grep . && exit 1
exit 0
