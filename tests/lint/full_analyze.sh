#!/bin/sh
# gcc -fanalyzer finds nothing in engine, lib/json, lib/net, and lib/base below them.
set -eu
cd "$(dirname -- "$0")/../.."
[ -f build/analyze/build.ninja ] || cmake --preset analyze >/dev/null
ninja -C build/analyze -k 0 base engine json net
