#!/bin/sh
# Every shell script is POSIX: dash reads it, and shellcheck finds nothing.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"
"$lint/tree.sh" shell | while read -r script; do
	sh -n "$script"
done
"$lint/tree.sh" shell | xargs shellcheck --shell=sh --external-sources
