#!/bin/sh
# usage: malformed.sh PROGRAM   (raw of this folder)
#
# Messages that two readers could take for different things are refused by the running server, plain and over TLS: 400 as
# problem+json, nothing done, the connection closed, and what came behind them not read.
set -eu
raw=$1
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/edge}
. "$root/tests/support/script/server.sh"
cases=0 broken=0
smuggled='GET /livez HTTP/1.1\r\nHost: x\r\n\r\n'

say_plain()
{
	"$raw" "${server_plain##*:}"
}

say_tls()
{
	timeout 20 openssl s_client -quiet -connect "localhost:${server_tls##*:}" -CAfile "$REEVE_CA" 2>/dev/null
}

# Not by lines: a body may end without one.
answers() # STATUS
{
	grep -a -o "HTTP/1\.[01] $1" "$folder/answer" | wc -l
}

wrong() # WAY NAME WHY
{
	broken=$((broken + 1))
	printf '%s, %s: %s\n' "$1" "$2" "$3"
	tr -d '\000' <"$folder/answer" | head -n 12
}

# What a printf format makes is sent; %b: the token's header line.
refused() # NAME FORMAT
{
	for way in plain tls; do
		cases=$((cases + 1))
		said=0
		# shellcheck disable=SC2059 # the formats are ours
		printf "$2$smuggled" | "say_$way" >"$folder/answer" || said=$?
		[ $said -eq 0 ] || wrong $way "$1" "the connection was not closed ($said)"
		[ "$(answers '[0-9]* ')" -eq 1 ] || wrong $way "$1" "not one answer"
		head -n 1 "$folder/answer" | grep -a -q '^HTTP/1.1 400 ' || wrong $way "$1" "not 400"
		grep -a -q -i '^content-type: application/problem+json' "$folder/answer" || wrong $way "$1" "not problem+json"
		grep -a -q '"code":"' "$folder/answer" || wrong $way "$1" "no code"
	done
}

# The yardstick of the above: two good requests in one piece get two answers.
served()
{
	for way in plain tls; do
		cases=$((cases + 1))
		printf 'GET /livez HTTP/1.1\r\nHost: x\r\n\r\nGET /livez HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n' |
			"say_$way" >"$folder/answer" || wrong $way good "the connection was not closed"
		[ "$(answers '200 ')" -eq 2 ] || wrong $way good "not two answers"
	done
}

server_init edge-malformed
server_start --edges 1
make="POST /v1/tenants HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: Bearer $REEVE_TOKEN\r\n"
body='{"name":"smuggled"}'
served
refused "two lengths" "${make}Content-Length: 19\r\nContent-Length: 5\r\n\r\n$body"
refused "two equal lengths" "${make}Content-Length: 19\r\nContent-Length: 19\r\n\r\n$body"
refused "length and chunks" "${make}Content-Length: 19\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n$body\r\n0\r\n\r\n"
refused "chunks and length" "${make}Transfer-Encoding: chunked\r\nContent-Length: 19\r\n\r\n13\r\n$body\r\n0\r\n\r\n"
refused "blank before the colon" "${make}Transfer-Encoding : chunked\r\n\r\n13\r\n$body\r\n0\r\n\r\n"
refused "length with a sign" "${make}Content-Length: +19\r\n\r\n$body"
refused "length in hex" "${make}Content-Length: 0x13\r\n\r\n$body"
refused "two lengths in one" "${make}Content-Length: 19, 19\r\n\r\n$body"
refused "coding that is not ours" "${make}Transfer-Encoding: gzip, chunked\r\n\r\n13\r\n$body\r\n0\r\n\r\n"
refused "coding twice" "${make}Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n13\r\n$body\r\n0\r\n\r\n"
refused "chunk size with a sign" "${make}Transfer-Encoding: chunked\r\n\r\n+13\r\n$body\r\n0\r\n\r\n"
refused "NUL in a value" "${make}X-Nul: a\\000b\r\nContent-Length: 19\r\n\r\n$body"
refused "NUL in a name" "${make}X-N\\000ul: a\r\nContent-Length: 19\r\n\r\n$body"
refused "continued line" "${make}X-Fold: a\r\n b\r\nContent-Length: 19\r\n\r\n$body"
refused "bare LF" "${make}X-Line: a\nContent-Length: 19\r\n\r\n$body"
refused "only LF" "GET /livez HTTP/1.1\nHost: x\n\n"
refused "bare CR" "${make}X-Line: a\rb\r\nContent-Length: 19\r\n\r\n$body"
refused "two hosts" "${make}Host: y\r\nContent-Length: 19\r\n\r\n$body"
refused "no host" "GET /livez HTTP/1.1\r\n\r\n"
refused "two blanks" "GET  /livez HTTP/1.1\r\nHost: x\r\n\r\n"
refused "another version" "GET /livez HTTP/2.0\r\nHost: x\r\n\r\n"
refused "absolute target" "GET http://x/livez HTTP/1.1\r\nHost: x\r\n\r\n"
refused "empty line first" "\r\nGET /livez HTTP/1.1\r\nHost: x\r\n\r\n"

call GET /v1/tenants/smuggled >/dev/null 2>&1 && fail "a refused message made a tenant"
echo "$cases messages, $broken wrong"
[ $broken -eq 0 ]
