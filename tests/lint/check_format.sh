#!/bin/sh
# Every C file is as clang-format writes it; ./dev format mends. A table made by an #include inside its braces makes
# clang-format 14 crash: put the braces' content between "clang-format off" and "on".
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"
if "$lint/tree.sh" c | xargs clang-format --dry-run -Werror >/dev/null 2>&1; then
	exit 0
fi
"$lint/tree.sh" c | while read -r file; do
	status=0
	(clang-format --dry-run -Werror "$file" 2>&1 || exit $?) >/dev/null 2>&1 || status=$?
	case $status in
	0) ;;
	1) echo "$file: ./dev format would change it" ;;
	*) echo "$file: clang-format crashes on it" ;;
	esac
done
exit 1
