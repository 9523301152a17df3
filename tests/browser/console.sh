#!/bin/sh
# console: the page that the server serves, in a real browser (console.py says what must hold)
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/browser}
# shellcheck source=tests/support/script/server.sh
. "$root/tests/support/script/server.sh"
[ -x /usr/bin/chromium-headless-shell ] || [ -x /usr/bin/chromium ] || {
	echo "there is no browser: ./dev test installs one"
	exit 77
}

server_init browser-console
server_start --edges 1 --web-dir "$root/web-static"
run_as_user mkdir -p "$folder/browser"
run_as_user env PYTHONDONTWRITEBYTECODE=1 REEVE_TOKEN="$REEVE_TOKEN" REEVE_URL="$REEVE_URL" REEVE_CA="$REEVE_CA" \
	/usr/bin/python3 "$here/console.py" "$folder/browser"
