#!/bin/sh
# usage: stuck_reader.sh PROGRAM   (raw of this folder)
#
# Readers of the watch stream that never read are paused, then closed, and cost a bounded amount of memory meanwhile; a reader
# beside them that reads gets every change.
set -eu
raw=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/edge}
# Memory that a sanitizer keeps back is not the server's.
ASAN_OPTIONS=${ASAN_OPTIONS:-}:quarantine_size_mb=8
export ASAN_OPTIONS
. "$root/tests/support/script/server.sh"
. "$root/tests/support/script/measure.sh"
readers=40
batches=12
per_batch=1000
# Four times the limit of a stream's buffer each, and room for the requests in work: a sanitizer takes its share. What is kept
# from a stuck reader is ten times as much.
reader_kib=1024
spare_kib=32768

# A thousand placements that are refused at once: as many changes, half a megabyte and more.
changes_make()
{
	awk -v n=$per_batch 'BEGIN {
		printf "{\"items\":["
		for (i = 0; i < n; i++)
			printf "%s{\"tenant\":\"stuck\",\"name\":\"pod-%d\",\"queue\":false,\"devices\":[{\"count\":1}]," \
				"\"labels\":{\"note\":\"%0300d\"}}", (i ? "," : ""), i, i
		print "]}"
	}' >"$folder/batch.json"
	for batch in $(seq $batches); do
		call POST '/v1/placements:batch?wait=30s' "@$folder/batch.json" >/dev/null || fail "batch $batch was not taken"
		peak=$(rss_kib "$edge")
		[ "$peak" -le "$most" ] || most=$peak
	done
}

# Only the reader that reads is left.
readers_are_gone()
{
	most_now=$(rss_kib "$edge")
	[ "$most_now" -le "$most" ] || most=$most_now
	[ "$(streams_open)" -le 1 ]
}

streams_open() # connections of the edge to the plain port
{
	port=$(printf ':%04X' "${server_plain##*:}")
	awk -v port="$port" '$2 ~ port "$" && $4 == "01" && $10 != "0" { n++ } END { print n + 0 }' /proc/net/tcp
}

reader_saw()
{
	grep -o '"id":"plc_[0-9A-Z]*"' "$folder/seen" | sort -u | wc -l
}

reader_has_all()
{
	[ "$(reader_saw)" -eq $((batches * per_batch)) ]
}

server_init edge-stuck
server_start --edges 1
edge=$(server_process edge)
call POST /v1/tenants '{"name":"stuck"}' >/dev/null
watch="GET /v1/watch?kinds=placement HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer $REEVE_TOKEN\r\nAccept: application/x-ndjson\r\n\r\n"
# shellcheck disable=SC2059 # the format is ours
printf "$watch" | "$raw" "${server_plain##*:}" hold $readers &
holder=$!
curl -sS -N -m 120 -H "Authorization: Bearer $REEVE_TOKEN" -H 'Accept: application/x-ndjson' \
	"http://$server_plain/v1/watch?kinds=placement" >"$folder/seen" 2>/dev/null &
reader=$!
echo $holder >"$folder/holder.pid"
echo $reader >"$folder/reader.pid"
sleep 1
held=$(streams_open)
[ "$held" -eq $((readers + 1)) ] || fail "$held streams are open, not $((readers + 1))"
first=$(rss_kib "$edge")
most=$first
changes_make
await "the stuck readers to be closed" readers_are_gone
await "the reader that reads to have all" reader_has_all
grown=$((most - first))
echo "$readers stuck readers were closed; the edge grew from $first by $grown KiB at most; the other reader saw $(reader_saw) changes"
[ $grown -le $((readers * reader_kib + spare_kib)) ] || fail "that is more than $((readers * reader_kib + spare_kib)) KiB"
kept=$(($(wc -c <"$folder/seen") * readers / 1024))
[ $kept -ge $((2 * (readers * reader_kib + spare_kib))) ] || fail "only $kept KiB were kept back: too few to tell"
