#!/bin/sh
# Functions are short: none over 70 lines, half of them at most 14; no file is over 600 lines.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"
longest=70
median=14
file_lines=600

"$lint/tree.sh" c | xargs wc -l |
	awk -v most=$file_lines '$2 != "total" && $1 > most { print $2 ": " $1 " lines, " most " are allowed"; bad = 1 } END { exit bad }'

"$lint/tree.sh" c | grep '\.c$' |
	ctags -L - -o - --languages=C --kinds-C=f --fields=+ne --sort=no --quiet 2>/dev/null |
	awk -F'\t' '{
		start = end = 0
		for (i = 4; i <= NF; i++) {
			if ($i ~ /^line:/) start = substr($i, 6)
			if ($i ~ /^end:/) end = substr($i, 5)
		}
		if (end) print end - start + 1, $2 ":" start, $1
	}' | sort -n | awk -v longest=$longest -v median=$median '
	{ lines[NR] = $1 }
	$1 > longest { print $2 ": " $3 " has " $1 " lines, " longest " are allowed"; bad = 1 }
	END {
		if (!NR) exit bad
		middle = lines[int((NR + 1) / 2)]
		print NR " functions, median " middle " lines, longest " lines[NR]
		if (middle > median) { print "the median is over " median; bad = 1 }
		exit bad
	}'
