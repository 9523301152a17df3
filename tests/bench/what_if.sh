#!/bin/sh
# what_if: how long the worker takes to say what a policy would change
#
# A world in memory of 10,000 tenants and 100,000 slices, on which 1,000 requests wait; the policy is the whole fleet's. Two seconds
# are the bound that is claimed.
set -eu
said=$("$REEVE_BENCH_BIN/what_if_world" 10000 100000 1000)
echo "$said"
answered_ms=$(echo "$said" | cut -d ' ' -f 4)
echo "what would change, of 10,000 tenants and 100,000 slices: $answered_ms ms (bound 2000 ms)"
[ "$answered_ms" -le 2000 ]
