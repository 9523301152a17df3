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
	echo "$*"
	exit 1
}

# A header that is not there yet is made: its absence must not be what decides.
plant() # FOLDER INCLUDE
{
	mkdir -p "$copy/tree/$1"
	header=$(printf '%s' "$2" | tr -d '"')
	case $2 in
	'"base/'* | '"net/'* | '"json/'*) header=lib/$header ;;
	esac
	if [ "$header" != "$2" ] && [ ! -e "$copy/tree/$header" ]; then
		mkdir -p "$copy/tree/${header%/*}"
		: >"$copy/tree/$header"
	fi
	printf '#include %s\ntypedef int planted;\n' "$2" >"$copy/tree/$1/planted.c"
}

clear_plant() # FOLDER; the file stays, so that CMake need not look again
{
	echo 'typedef int planted;' >"$copy/tree/$1/planted.c"
}

compiles() # FOLDER
{
	room=${1##*/}
	ninja -C "$copy/build" "CMakeFiles/$room.dir/$1/planted.c.o" >"$copy/log" 2>&1
}

REEVE_TREE=$copy/tree
export REEVE_TREE
plants | while read -r folder include verdict how; do
	plant "$folder" "$include"
done
plants | while read -r folder include verdict how; do
	plant "$folder" "$include"
	clear_plant "$folder"
done
cmake -S "$copy/tree" -B "$copy/build" -G Ninja -DCMAKE_BUILD_TYPE=Debug >"$copy/log" 2>&1 || {
	cat "$copy/log"
	fail "the copy could not be configured"
}
plants | while read -r folder include verdict how; do
	plant "$folder" "$include"
	if "$lint/check_layers.sh" | grep -q '/planted.c:'; then seen=wrong; else seen=right; fi
	[ $seen = "$verdict" ] || fail "$include in $folder is $verdict, and the check takes it for $seen"
	if [ "$how" = compiled ]; then
		if compiles "$folder"; then seen=right; else seen=wrong; fi
		[ $seen = "$verdict" ] || fail "$include in $folder is $verdict, and the compiler takes it for $seen"
	fi
	clear_plant "$folder"
done
