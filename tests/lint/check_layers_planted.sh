#!/bin/sh
# The layer check turns red on a wrong include, and so does the compiler: each row is planted in a copy of the tree.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
cd "$lint/../.."
mkdir "$copy/tree"
"$lint/tree.sh" text | grep -v '^tests/' | tar -cf - -T - | tar -xf - -C "$copy/tree"
mkdir "$copy/tree/tests"
: >"$copy/tree/tests/CMakeLists.txt"

# Where, what, and whether it is right. The compiler cannot see the last two: those headers lie in /usr/include.
plants()
{
	cat <<'TABLE'
engine    "base/str.h"       right compiled
engine    "net/loop.h"       wrong compiled
lib/base  "json/write.h"     wrong compiled
lib/json  "net/loop.h"       wrong compiled
lib/net   "db/lane.h"        wrong compiled
api       "engine/fleet.h"   wrong compiled
db        "server/reeved.h"  wrong compiled
server    "agents/agent.h"   wrong compiled
agents    "db/lane.h"        wrong compiled
server    <libpq-fe.h>       wrong -
engine    <jansson.h>        wrong -
TABLE
}

fail()
{
	cat "$copy/log" 2>/dev/null || true
	echo "$*"
	exit 1
}

# A header that is not there yet is made: its absence must not be what decides.
header_made() # INCLUDE
{
	header=$(printf '%s' "$1" | tr -d '"')
	case $1 in
	'<'*) return ;;
	'"base/'* | '"net/'* | '"json/'*) header=lib/$header ;;
	esac
	if [ ! -e "$copy/tree/$header" ]; then
		mkdir -p "$copy/tree/${header%/*}"
		: >"$copy/tree/$header"
	fi
}

# Each row is a file of its own, so that one look at the tree and one configuration are enough for all.
row=0
plants >"$copy/plants"
while read -r folder include verdict how; do
	row=$((row + 1))
	mkdir -p "$copy/tree/$folder"
	header_made "$include"
	printf '#include %s\ntypedef int planted_%d;\n' "$include" $row >"$copy/tree/$folder/planted_$row.c"
done <"$copy/plants"
REEVE_TREE=$copy/tree "$lint/check_layers.sh" >"$copy/seen" && fail "the check finds the tree with all plants right"
cmake -S "$copy/tree" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug >"$copy/log" 2>&1 || {
	cat "$copy/log"
	fail "the copy could not be configured"
}

compiles() # FILE
{
	room=${1%/*}
	ninja -C "$copy/build" "CMakeFiles/${room##*/}.dir/$1.o" >"$copy/log" 2>&1
}

row=0
while read -r folder include verdict how; do
	row=$((row + 1))
	file=$folder/planted_$row.c
	if grep -q "^$file:" "$copy/seen"; then seen=wrong; else seen=right; fi
	[ $seen = "$verdict" ] || fail "$include in $folder is $verdict, and the check takes it for $seen"
	[ "$how" = compiled ] || continue
	if compiles "$file"; then seen=right; else seen=wrong; fi
	[ $seen = "$verdict" ] || fail "$include in $folder is $verdict, and the compiler takes it for $seen"
done <"$copy/plants"
if grep -v '/planted_' "$copy/seen"; then fail "the check finds more than what was planted"; fi
