#!/bin/sh
# The tree names no machine it was written on and no registry to download from: paths of home folders, hosts of package
# mirrors. The letter in brackets keeps this file from finding itself.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "${REEVE_TREE:-$lint/../..}"
names='(^|[^a-z.])/(w[o]rk|r[o]ot|h[o]me/[a-z]+|f[a]rm)/|registry[.]npmjs|pypi[.]org|pythonhosted[.]org|deb[.]debian[.]org|snapshot[.]debian[.]org|proxy[.]golang[.]org|crates[.]io|unpkg[.]com|jsdelivr[.]net'
"$lint/tree.sh" text | tr '\n' '\0' | xargs -0 grep -n -I -E "$names" /dev/null && exit 1
exit 0
