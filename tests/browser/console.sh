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
# Copies, because the checkout may lie where the user of the server cannot look.
run_as_user mkdir -p "$folder/browser" "$folder/web"
for file in "$root"/web-static/*; do
	run_as_user tee "$folder/web/${file##*/}" <"$file" >/dev/null
done
for file in "$here"/*.py; do
	run_as_user tee "$folder/${file##*/}" <"$file" >/dev/null
done
server_start --edges 1 --web-dir "$folder/web"
run_as_user env PYTHONDONTWRITEBYTECODE=1 REEVE_TOKEN="$REEVE_TOKEN" REEVE_URL="$REEVE_URL" REEVE_CA="$REEVE_CA" \
	/usr/bin/python3 "$folder/console.py" "$folder/browser"
