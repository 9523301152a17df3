#!/bin/sh
# usage: pg.sh start FOLDER [PROGRAM]   a private PostgreSQL under FOLDER, reached by a socket there; then runs PROGRAM on it
#        pg.sh stop FOLDER              ends it and removes the folder; nothing there is no error
#
# For tests: nothing is flushed to disk unless REEVE_TEST_PG_FSYNC=1. FOLDER must be short (a socket's path has 107 bytes).
# PostgreSQL refuses to run as root, so root steps down to an unprivileged user. PROGRAM finds REEVE_TEST_PG=FOLDER.
set -eu
action=$1
folder=$2
data=$folder/data

bin=$(pg_config --bindir 2>/dev/null || echo)
for place in "$bin" /usr/lib/postgresql/*/bin /usr/pgsql-*/bin; do
	[ -x "$place/initdb" ] && bin=$place
done
if ! [ -x "$bin/initdb" ]; then
	echo "there is no PostgreSQL server on this machine"
	exit 1
fi

user=
if [ "$(id -u)" = 0 ]; then
	user=nobody
	id postgres >/dev/null 2>&1 && user=postgres
fi

as_user()
{
	if [ -n "$user" ]; then
		(cd / && setpriv --reuid="$user" --regid="$(id -g "$user")" --clear-groups env HOME=/ "$@")
	else
		"$@"
	fi
}

stop()
{
	if [ -e "$data/postmaster.pid" ]; then
		as_user "$bin/pg_ctl" -D "$data" -m immediate -w stop >/dev/null 2>&1 || true
	fi
	rm -rf "$folder"
}

start()
{
	stop
	mkdir -p "$folder"
	[ -z "$user" ] || chown "$user" "$folder"
	as_user "$bin/initdb" --no-sync -A trust -U reeve -E UTF8 --locale=C -D "$data" >/dev/null
	fsync=off
	[ "${REEVE_TEST_PG_FSYNC:-}" = 1 ] && fsync=on
	as_user tee -a "$data/postgresql.conf" >/dev/null <<-CONF
		listen_addresses = ''
		unix_socket_directories = '$folder'
		fsync = $fsync
		full_page_writes = $fsync
		max_connections = 200
		shared_buffers = '64MB'
		autovacuum_naptime = '10s'
		log_min_messages = warning
	CONF
	if ! as_user "$bin/pg_ctl" -D "$data" -l "$folder/log" -w start >/dev/null; then
		cat "$folder/log"
		exit 1
	fi
}

case $action in
stop) stop ;;
start)
	start
	shift 2
	[ $# = 0 ] || REEVE_TEST_PG=$folder "$@"
	;;
esac
