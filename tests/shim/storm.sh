#!/bin/sh
# usage: storm.sh BUILD PROGRAM
#
# Processes killed and stopped at random moments of their calls, beside one that goes on: in the end the books are right to the
# byte. How long the one that goes on was held up is told, not judged: the machine has a part in it (./dev bench shim judges).
set -eu
build=$1
program=$2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
. "$here/forms.sh"
export CUDA_DEVICE_MEMORY_LIMIT=1g
for form in preload replace; do
	echo "$form: $REEVE_SIZE_SHIM_KILLS killed: longest us, wrong by:" "$(form_run $form "$program" kill "$REEVE_SIZE_SHIM_KILLS")"
	echo "$form: $REEVE_SIZE_SHIM_STOPS stopped: longest us, wrong by:" "$(form_run $form "$program" stop "$REEVE_SIZE_SHIM_STOPS")"
done | tee "$folder/said"
[ "$(grep -c ': [0-9]* 0$' "$folder/said")" -eq 4 ]
