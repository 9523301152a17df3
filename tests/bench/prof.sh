#!/bin/sh
# prof.sh: a server of release build with the bench's fleet, left running until /tmp/w/prof/stop appears
set -eu
here=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P); root=${here%/tests/bench}
. "$root/tests/support/script/server.sh"
. "$root/tests/support/script/measure.sh"
. "$root/tests/support/script/load.sh"
connections=64; clients=16; nodes=64; seconds=3
server_init prof
server_start --edges 1
if [ -e /tmp/w/prof/stat ]; then
	server_sql "ALTER SYSTEM SET shared_preload_libraries='pg_stat_statements'"; server_sql "ALTER SYSTEM SET track_activity_query_size=32768"
	server_stop; server_start --edges 1; server_sql "CREATE EXTENSION pg_stat_statements SCHEMA public"; server_sql "ALTER SYSTEM SET pg_stat_statements.track='all'"; server_sql "SELECT pg_reload_conf()"
fi
leaves=9000; . /tmp/w/prof/tree.sh
fleet_start
[ ! -e /tmp/w/prof/tree ] || tree_make
yardstick_make
cat > /tmp/w/prof/env <<X
root=$root; here=$here; folder=$folder; server_pid=$server_pid; server_tls=$server_tls; server_plain=$server_plain; agent_pid=$agent_pid
REEVE_BIN=$REEVE_BIN; REEVE_PG_BIN=$REEVE_PG_BIN; REEVE_USER=$REEVE_USER; REEVE_STATE=$REEVE_STATE
REEVE_TOKEN=$REEVE_TOKEN; REEVE_URL=$REEVE_URL; REEVE_CA=$REEVE_CA; BENCH_TOKEN=$REEVE_TOKEN
server_pids="$(children_of $server_pid | tr '\n' ' ')"; edge=$(server_process edge); placer=$(server_process placer)
dsn="$(server_dsn)"
export REEVE_BIN REEVE_PG_BIN REEVE_USER REEVE_STATE REEVE_TOKEN REEVE_URL REEVE_CA BENCH_TOKEN
X
echo up
while [ ! -e /tmp/w/prof/stop ]; do sleep 0.5; done
