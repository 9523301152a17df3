#!/bin/sh
# Includes follow the arrows. The arrows are the room() lines of CMakeLists.txt, closed over NEEDS; the libraries that a
# room may see are in the table below. Tests may see all.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"

# A header's first letters, and the rooms that may include it.
headers_table()
{
	cat <<'TABLE'
event2/       net
openssl/      net server agents
cjose/        server
curl/         net
nghttp2/      net
protobuf-c/   agents
libpq         db
postgres      db
pg_config     db
jansson.h     json
yaml.h        json
criterion/    -
http_parser.h -
TABLE
}

headers=$(mktemp)
trap 'rm -f "$headers"' EXIT
headers_table >"$headers"
"$lint/tree.sh" product | while read -r file; do
	awk -v keep=strings -f "$lint/strip.awk" "$file" | sed -n "s|^[ \t]*#[ \t]*include[ \t]*\([<\"].*\)|$file \1|p"
done | awk -v headers="$headers" '
	BEGIN { read_arrows(); read_headers() }

	{
		room = room_of($1)
		what = substr($2, 2, length($2) - 2)
		first = substr(what, 1, index(what, "/") - 1)
		if (what ~ /\.\./) refuse("leaves its folder by ..")
		else if (first in folder) {
			if (!may(room, first)) refuse("room " room " does not need " first)
		} else check_header(room, what)
	}

	# room(db FOLDER db NEEDS net json LIBS ...)
	function read_arrows(  line, n, word, i, name, listing) {
		while ((getline line <"CMakeLists.txt") > 0) {
			if (line !~ /^room\(/) continue
			gsub(/^room\(|\).*$/, "", line)
			n = split(line, word, " ")
			name = word[1]
			listing = 0
			for (i = 2; i <= n; i++) {
				if (word[i] == "FOLDER") folder[name] = word[i + 1]
				if (word[i] == "LIBS") listing = 0
				if (listing) needs[name] = needs[name] " " word[i]
				if (word[i] == "NEEDS") listing = 1
			}
		}
		if (!("base" in folder)) { print "CMakeLists.txt has no rooms"; bad = 1 }
	}

	function read_headers(  line, word) {
		while ((getline line <headers) > 0) {
			split(line, word, " ")
			seers[word[1]] = substr(line, length(word[1]) + 1) " "
		}
	}

	# A room may lie within another: the longest folder it is.
	function room_of(path,  name, found) {
		for (name in folder)
			if (index(path, folder[name] "/") == 1 && (found == "" || length(folder[name]) > length(folder[found]))) found = name
		return found
	}

	function may(from, to,  n, word, i) {
		if (from == to) return 1
		n = split(needs[from], word, " ")
		for (i = 1; i <= n; i++)
			if (may(word[i], to)) return 1
		return 0
	}

	function check_header(room, what,  prefix) {
		for (prefix in seers)
			if (index(what, prefix) == 1 && index(seers[prefix], " " room " ") == 0)
				refuse("room " room " may not see " what)
	}

	function refuse(why) { print $1 ": " $2 ": " why; bad = 1 }

	END { exit bad }'
