#!/bin/sh
# usage: checks.sh BUILD FORM PROGRAM
#
# Every check of the program in a form of the shim, each in a process of its own under 1 GiB. Nothing may be said to standard
# error. In the preload form two ways round stay open by their nature, and must be seen to be open: a shim that closed them
# would have to be told apart from a check that does not check.
set -eu
build=$1
form=$2
program=$3
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$here/forms.sh"
open=
[ "$form" != preload ] || open="by_dlmopen by_own_walk"
failed=0
count=0
for check in $(form_run none "$program"); do
	count=$((count + 1))
	status=0
	CUDA_DEVICE_MEMORY_LIMIT=1g form_run "$form" timeout -s KILL 60 "$program" "$check" >"$folder/said" 2>"$folder/noise" || status=$?
	case " $open " in
	*" $check "*) wanted=1 ;;
	*) wanted=0 ;;
	esac
	if [ "$status" -ne "$wanted" ] || [ -s "$folder/noise" ]; then
		echo "$form: $check: exit status $status, $wanted was expected"
		cat "$folder/said" "$folder/noise"
		failed=$((failed + 1))
	fi
done
echo "$form: $((count - failed)) of $count"
[ "$failed" -eq 0 ] && [ "$count" -gt 40 ]
