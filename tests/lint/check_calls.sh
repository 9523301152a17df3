#!/bin/sh
# Calls that have a better name here. The table: the call, where it may stand (a path prefix, or - for nowhere), why.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"

calls_table()
{
	cat <<'TABLE'
strcpy strcat stpcpy   -            no bound: str, buf
sprintf vsprintf       -            no bound: buf_printf, snprintf
gets strtok            -            no bound, hidden state: str_split
atoi atol atoll atof   -            no error: str_i64
localtime gmtime ctime -            shared state, local time: clock
rand srand random      -            shared state, not random: id, or a seeded generator
system popen           -            a shell between: fork and exec
malloc                 lib/base/    arena, vec, buf or calloc
setjmp longjmp alloca  -            hidden flow, hidden stack
PQexec PQexecParams    db/migrate   statements are prepared and go through lanes and readers
TABLE
}

calls_flat() # CALL PLACE WHY
{
	calls_table | awk '{
		for (place = 1; $place != "-" && $place !~ /\//; place++) ;
		why = ""
		for (i = place + 1; i <= NF; i++) why = why " " $i
		for (i = 1; i < place; i++) print $i, $place why
	}'
}

flat=$(mktemp)
trap 'rm -f "$flat"' EXIT
calls_flat >"$flat"
"$lint/tree.sh" product | while read -r file; do
	awk -f "$lint/strip.awk" "$file" | awk -v file="$file" -v table="$flat" '
	BEGIN {
		while ((getline line <table) > 0) {
			n = split(line, word, " ")
			place[word[1]] = word[2]
			why[word[1]] = substr(line, length(word[1] word[2]) + 3)
		}
	}
	{
		rest = $0
		while (match(rest, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
			name = substr(rest, RSTART, RLENGTH)
			sub(/[ \t]*\($/, "", name)
			rest = substr(rest, RSTART + RLENGTH)
			if (name in place && (place[name] == "-" || index(file, place[name]) != 1))
				print file ":" NR ": " name ": " why[name]
			if (name == "assert" && rest ~ /(\+\+|--|[^=!<>]=[^=])/)
				print file ":" NR ": assert must not change anything"
		}
	}'
done | grep . && exit 1
exit 0
