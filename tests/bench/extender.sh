#!/bin/sh
# What an extender's answers cost, over HTTPS on loopback, while pods come and end: 5,000 names; 10,000 nodes of 8 devices with
# 50,000 running pods; 420 whole nodes; how many pods a second four schedulers get through. Goals: filter and prioritize p99 <= 2 ms
# for 5,000 names, <= 5 ms for 10,000 nodes, whole nodes <= 60 ms, 2,000 pods/s of 5,000 names, the agent <= 128 MiB.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout "$work/key" -out "$work/cert" -days 2 \
	-subj /CN=extender -addext subjectAltName=IP:127.0.0.1 2>"$work/log" || { cat "$work/log"; exit 1; }
run()
{
	echo "== $*"
	"$REEVE_BENCH_BIN/extender" "$1" "$2" "$3" "$work/cert" "$work/key" "$4"
}
run 5000 25000 2000 names
run 5000 25000 2000 workers
run 10000 50000 1000 names
run 420 2000 200 whole
run 5000 25000 10000 crowd
