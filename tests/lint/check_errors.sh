#!/bin/sh
# Each error has an id, a code and a title of its own, a status that HTTP knows, and a row in docs/errors.md.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"
sed -n 's|^E(\([A-Z0-9_]*\), *\([0-9]*\), *"\([a-z0-9_]*\)", *"\(.*\)").*$|\1\t\2\t\3\t\4|p' api/errors.def | awk -F'\t' '
	id[$1]++ { print "two errors have the id " $1; bad = 1 }
	code[$3]++ { print "two errors have the code " $3; bad = 1 }
	title[$4]++ { print "two errors have the title " $4; bad = 1 }
	$3 != tolower($1) { print $1 " has the code " $3 ": it is the id in small letters"; bad = 1 }
	$2 != 0 && ($2 < 400 || $2 > 599) { print $1 " has the status " $2; bad = 1 }
	END { if (NR == 0) print "no errors were read"; exit bad || NR == 0 }'
read_rows=$(grep -c -E '^E\([A-Z0-9_]*, *[0-9]*, *"[a-z0-9_]*", *".*"\)' api/errors.def)
all_rows=$(grep -c '^E(' api/errors.def)
[ "$read_rows" = "$all_rows" ] || {
	echo "$((all_rows - read_rows)) rows of api/errors.def are not in the form E(ID, STATUS, \"code\", \"Title\")"
	exit 1
}
docs/errors.sh | diff docs/errors.md - || {
	echo "docs/errors.md is not current: ./dev format writes it"
	exit 1
}
