#!/bin/sh
# The first wall cannot be left out of what is installed: the switch that does so stands in one file, which refuses to compile
# without a sanitizer, and in the one program of the tests that sets it; and nothing else asks a principal for its rights.
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
found "$("$lint/tree.sh" text | grep -v '^tests/lint/check_rights.sh$' | tr '\n' '\0' | xargs -0 grep -l REEVE_WITHOUT_RIGHTS /dev/null |
	grep -v -x -E 'server/edge/permit\.[ch]|tests/api/CMakeLists\.txt|docs/.*\.md')" \
	"REEVE_WITHOUT_RIGHTS is for server/edge/permit.c and the test that sets it"
refusal=$(awk '/^#ifdef REEVE_WITHOUT_RIGHTS/,/^#else/' server/edge/permit.c | grep -c -E '^#ifndef __SANITIZE_ADDRESS__|^#error')
[ "$refusal" = 2 ] || found "server/edge/permit.c" "the switch must not compile without a sanitizer"
found "$(grep -n -E 'CMAKE_C_FLAGS_RELEASE.*(fsanitize|WITHOUT_RIGHTS)' cmake/options.cmake CMakePresets.json)" \
	"what is installed has neither sanitizers nor the switch"
found "$(grep -n -E 'principal_holds|rights_hold\(.*who->rights' server/edge/*.c server/edge/steps/*.c |
	grep -v -E '^server/edge/(permit|denial|recheck|recognize|watch_stream|held)\.c|^server/edge/steps/permission\.c')" \
	"rights are asked for through server/edge/permit.h"
exit $bad
