#!/bin/sh
# usage: check_generator.sh CMAKE TREE
# A block of SQL that cannot be understood stops the build and says where.
set -eu
cmake=$1
tree=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir "$work/more" "$work/out"
bad=0

generate()
{
	printf '%s\n' "$1" >"$work/more/planted.sql"
	"$cmake" -DSOURCE="$tree" -DMORE="$work/more" -DOUT="$work/out" -P "$tree/cmake/sql_generate.cmake" 2>&1
}

refuses() # SAID BLOCK
{
	if said=$(generate "$2"); then
		echo "accepted: $2"
		bad=1
	elif ! printf '%s' "$said" | tr '\n' ' ' | tr -s ' ' | grep -q -F "$1"; then
		echo "says not '$1' but: $said"
		bad=1
	fi
}

refuses "unknown type float8" '-- name: t1 :one
-- out: n float8
SELECT 1.0 AS n;'
refuses "is not '<name> <type>'" '-- name: t2 :one
-- out: n
SELECT 1 AS n;'
refuses "columns are not" '-- name: t3 :one
-- out: n int8[]
SELECT 1 AS n;'
refuses "declares 1 parameters and uses 2" '-- name: t4 :exec
-- in: a int8
DELETE FROM t WHERE a = $1 AND b = $2;'
refuses "declares 2 parameters and uses 1" '-- name: t5 :exec
-- in: a int8, b int8
DELETE FROM t WHERE a = $1;'
refuses ":exec returns no columns" '-- name: t6 :exec
-- out: n int8
SELECT 1 AS n;'
refuses ":one needs -- out:" '-- name: t7 :one
SELECT 1;'
refuses "the name is used twice" '-- name: tx_begin :exec
BEGIN;'
refuses "there is no statement" '-- name: t8 :exec
-- name: t9 :exec
BEGIN;'
refuses "is not '-- name: <name>" '-- name: T10 :all
BEGIN;'

# shellcheck disable=SC1003
generate '-- name: odd :one
-- in: a text?, bs int8[]
--    , c bool?
-- out: x text
SELECT '\''a;b[1]"\n\\'\'' || $1 AS x -- with $1 again
FROM t WHERE b = ANY ($2) AND $3;' >/dev/null
grep -q -F "'a;b[1]\\\"\\\\n\\\\\\\\' || \$1 AS x" "$work/out/sql.c" || {
	echo "characters were lost"
	bad=1
}
grep -q 'bool c_null;' "$work/out/sql.h" || bad=1
exit $bad
