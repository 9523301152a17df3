#!/bin/sh
# usage: tree.sh KIND...
#
# The files of the tree that are tracked or about to be, one a line, relative to its root. Kinds: c (.c .h), product (c
# outside tests/), shell, text (all but pictures and test corpora). REEVE_TREE names another root: a copy with a planted
# fault.
set -eu
cd "${REEVE_TREE:-$(dirname -- "$0")/../..}"

tree_all()
{
	if [ -e .git ] && command -v git >/dev/null; then
		git -c safe.directory='*' ls-files --cached --others --exclude-standard | while read -r file; do
			[ ! -f "$file" ] || echo "$file"
		done
	else
		find . -type f | sed 's|^\./||' | grep -v -E '^(build|var|\.git|\.cache)/'
	fi | grep -v -E '(^|/)(vendor|node_modules)/' | sort
}

for kind; do
	case $kind in
	c) tree_all | grep -E '\.[ch]$' ;;
	product) tree_all | grep -E '\.[ch]$' | grep -v '^tests/' ;;
	shell) tree_all | grep -E '\.sh$|^dev$|^\.ci/run$' ;;
	text) tree_all | grep -v -E '(^|/)corpus/|\.(png|jpg|ico|woff2)$' ;;
	*)
		echo "tree.sh: no kind '$kind'" >&2
		exit 2
		;;
	esac
done
