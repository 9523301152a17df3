#!/bin/sh
# The units are what systemd understands, and closed: exposure at most 2.0 of 10 by its own measure.
set -eu
lint=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
cd "$lint/../.."
command -v systemd-analyze >/dev/null || {
	echo "systemd-analyze is not on this machine"
	exit 77
}
exposure_tenths=20
copy=$(mktemp -d)
trap 'rm -rf "$copy"' EXIT
for unit in deploy/systemd/*.service; do
	# The programs need not be installed for the unit to be right.
	sed 's|^ExecStart=/usr/bin/[a-z-]*|ExecStart=/bin/true|' "$unit" >"$copy/${unit##*/}"
done
SYSTEMD_LOG_LEVEL=warning systemd-analyze verify --man=no --recursive-errors=no "$copy"/*.service >"$copy/said" 2>&1 || {
	cat "$copy/said"
	exit 1
}
if grep -F "$copy" "$copy/said"; then
	exit 1
fi
for unit in "$copy"/*.service; do
	systemd-analyze security --no-pager --offline=true --threshold=$exposure_tenths "$unit" >"$copy/said" 2>&1 || {
		grep -E '✗|exposure' "$copy/said"
		exit 1
	}
	tail -n 1 "$copy/said"
done
