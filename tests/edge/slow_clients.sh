#!/bin/sh
# usage: slow_clients.sh PROGRAM
#
# Connections that drip bytes are closed in time, by the limits the server has when nobody sets any.
set -eu
program=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/edge}
. "$root/tests/support/script/server.sh"

server_init edge-slow
server_start --edges 1
"$program" "${server_plain##*:}" "${server_tls##*:}"
