#!/bin/sh
# clang-tidy finds nothing in the rooms where a slip costs most: engine, lib/json, lib/net, and lib/base below them.
set -eu
cd "$(dirname -- "$0")/../.."
command -v clang-tidy >/dev/null || {
	echo "clang-tidy is not installed: ./dev setup analyze"
	exit 77
}
[ -f build/tidy/build.ninja ] || cmake --preset tidy >/dev/null
tests/lint/tree.sh product | grep -E '^(engine|lib)/.*\.c$' |
	xargs -n 4 -P "$(nproc)" clang-tidy --quiet -p build/tidy 2>&1 |
	grep -v -E '^[0-9]+ (warning|error)s?.* (generated|treated)' | grep . && exit 1
exit 0
