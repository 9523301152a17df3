#!/bin/sh
# Every rule can turn red: a fault for each is planted in a copy of the tree and must be found, and named.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
REEVE_TREE=$copy/tree
export REEVE_TREE

# A tree of just enough: it is the rule that is tried, not our code.
tree_make()
{
	rm -rf "$REEVE_TREE"
	mkdir -p "$REEVE_TREE/api" "$REEVE_TREE/docs" "$REEVE_TREE/engine" "$REEVE_TREE/lib/base"
	cp "$lint/../../.clang-format" "$lint/../../.shellcheckrc" "$REEVE_TREE"
	cp "$lint/../../docs/errors.sh" "$REEVE_TREE/docs"
	echo 'E(LOST, 404, "lost", "It is not there")' >"$REEVE_TREE/api/errors.def"
	"$REEVE_TREE/docs/errors.sh" >"$REEVE_TREE/docs/errors.md"
	printf 'room(base FOLDER lib/base)\nroom(engine FOLDER engine NEEDS base)\n' >"$REEVE_TREE/CMakeLists.txt"
	printf 'int one(void)\n{\n\treturn 1;\n}\n' >"$REEVE_TREE/engine/one.c"
	printf '#!/bin/sh\necho "$1"\n' >"$REEVE_TREE/docs/one.sh"
}

# The rule, the file that gets a line more, the line (printf knows its escapes), and a word of the complaint.
plants()
{
	cat <<'TABLE'
calls|engine/two.c|void two(char *a)\n{\n\tstrcpy (a, "");\n}|strcpy
calls|engine/two.c|void *two(void)\n{\n\treturn malloc(2);\n}|malloc
calls|engine/two.c|void two(int a)\n{\n\tassert(a++ < 2);\n}|assert
calls|engine/two.c|void two(int a)\n{\n\tassert(a = 2);\n}|assert
errors|api/errors.def|E(GONE, 404, "lost", "It is gone")|code lost
errors|api/errors.def|E(GONE, 200, "gone", "It is gone")|status
errors|api/errors.def|E(GONE, 404, "gone", "It is gone")|not current
errors|api/errors.def|E(GONE, 404, "Gone!", "It is gone")|form
format|engine/two.c|int two(void) { return 2; }|two.c
functions|engine/two.c|@long 71|two.c
layers|engine/two.c|#include "../api/two.h"|leaves
layers|lib/base/two.c|#include "engine/one.h"|base does not need
layers|engine/two.c|#include <event2/event.h>|may not see
marks|docs/two.md|This is a T@ODO.|two.md
names|docs/two.md|Look at /w@ork/main.|two.md
names|docs/two.md|https://registry.n@pmjs.org|two.md
shell|docs/two.sh|#!/bin/sh\nif true; then|two.sh
shell|docs/two.sh|#!/bin/sh\nrm $1|SC2086
sql|engine/two.c|const char *two = "SELECT a FROM b";|SELECT
TABLE
}

plant() # FILE TEXT
{
	case $2 in
	@long*) awk -v n="${2#@long }" 'BEGIN {
			print "int two(int a)\n{"
			for (i = 0; i < n - 4; i++) print "\ta += " i ";"
			print "\treturn a;\n}"
		}' ;;
	# An at sign parts a word that the rules must not find in this file.
	*) printf '%b\n' "$2" | tr -d '@' ;;
	esac >>"$REEVE_TREE/$1"
}

tree_make
for script in "$lint"/check_*.sh; do
	rule=${script##*/check_}
	rule=${rule%.sh}
	plants | grep -q "^$rule|" || continue
	"$script" >"$copy/said" 2>&1 || {
		cat "$copy/said"
		echo "$rule is red on a clean tree"
		exit 1
	}
done
plants | while IFS='|' read -r rule file text word; do
	tree_make
	plant "$file" "$text"
	if "$lint/check_$rule.sh" >"$copy/said" 2>&1; then
		echo "$rule passes: $text"
		exit 1
	fi
	grep -q -- "$word" "$copy/said" || {
		echo "$rule does not say '$word' of: $text"
		cat "$copy/said"
		exit 1
	}
done
