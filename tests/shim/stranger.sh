#!/bin/sh
# usage: stranger.sh BUILD PROGRAM REGION
#
# The shim over drivers that were not written beside it (stranger/stranger.h), in both forms, each check in a process of its own.
set -eu
build=$1
program=$2
region=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/old" "$folder/new" "$folder/plt" "$folder/aside" "$folder/behind"
ln -s "$build/stranger/old.so" "$folder/old/libcuda.so"
ln -s "$build/stranger/new.so" "$folder/new/libcuda.so.1"
ln -s "$build/stranger/plt.so" "$folder/plt/libcuda.so.1"
# In the driver's place: the real one under a longer name, or further on along the path.
ln -s "$build/lib/libreeve-shim-cuda.so" "$folder/aside/libcuda.so.1"
ln -s "$build/stranger/old.so" "$folder/aside/libcuda.so.1.real"
ln -s "$build/lib/libreeve-shim-cuda.so" "$folder/behind/libcuda.so.1"
"$region" make "$folder/swapped" 1024 1000 uuids
"$region" make "$folder/wide" 65536 1000
failed=0
count=0
check() # FORM REAL NAME SETTING...
{
	form=$1
	real=$2
	name=$3
	shift 3
	rm -f "$folder/books"
	status=0
	case $form in
	preload) set -- "$@" LD_PRELOAD="$build/lib/libreeve-shim.so" STRANGER="$real" "$program" "$real" "$name" ;;
	aside) set -- "$@" STRANGER_LINKED=1 STRANGER="$real" "$program" "$folder/aside/libcuda.so.1" "$name" ;;
	behind) set -- "$@" STRANGER_LINKED=1 STRANGER="$real" LD_LIBRARY_PATH="$folder/behind:$folder/new" "$program" libcuda.so.1 "$name" ;;
	esac
	env CUDA_DEVICE_MEMORY_LIMIT=1g CUDA_DEVICE_MEMORY_SHARED_CACHE="$folder/books" "$@" >"$folder/said" 2>&1 || status=$?
	count=$((count + 1))
	[ "$status" -eq 0 ] || {
		echo "$form, ${real##*/}: $name: exit status $status"
		cat "$folder/said"
		failed=$((failed + 1))
	}
}
all() # FORM REAL
{
	for name in $("$program"); do
		check "$1" "$2" "$name"
	done
	check "$1" "$2" no_more_is_shown_than_there_is STRANGER_WIDE=1 REEVE_SHIM_REGION="$folder/wide"
	check "$1" "$2" asked_before_the_driver_is_started STRANGER_SWAPPED=1 REEVE_SHIM_REGION="$folder/swapped"
}
all preload "$folder/old/libcuda.so"
all preload "$folder/new/libcuda.so.1"

check preload "$folder/old/libcuda.so" what_the_device_has_not_is_managed STRANGER_BEYOND=1 CUDA_DEVICE_MEMORY_LIMIT=8g \
	CUDA_OVERSUBSCRIBE=true

# It meets the shim first itself, by the names of what it exports.
export STRANGER_PLT=1 LD_LIBRARY_PATH="$folder/plt"
all preload "$folder/plt/libcuda.so.1"
check preload "$folder/plt/libcuda.so.1" a_launch_within_a_launch_is_paid_once CUDA_DEVICE_SM_LIMIT=50
unset STRANGER_PLT LD_LIBRARY_PATH

all aside "$folder/aside/libcuda.so.1.real"
all behind "$folder/new/libcuda.so.1"

# A file that somebody has made to be used, still empty; one that is emptied while it is used is damaged.
: >"$folder/empty"
for turn in 1 2; do
	check preload "$folder/new/libcuda.so.1" the_limit_holds CUDA_DEVICE_MEMORY_SHARED_CACHE="$folder/empty"
done
[ -s "$folder/empty" ] || failed=$((failed + 1))

# Somebody who holds a lock on such a file stops nobody: what stands in it is not known, and nothing is had.
: >"$folder/locked"
flock "$folder/locked" sleep 60 &
holder=$!
sleep 1
status=0
LD_PRELOAD="$build/lib/libreeve-shim.so" STRANGER="$folder/new/libcuda.so.1" CUDA_DEVICE_MEMORY_LIMIT=1g \
	CUDA_DEVICE_MEMORY_SHARED_CACHE="$folder/locked" timeout 30 "$program" "$folder/new/libcuda.so.1" \
	the_limit_holds >"$folder/said" 2>&1 || status=$?
kill "$holder"
[ "$status" -eq 1 ] && [ ! -s "$folder/locked" ] || {
	echo "a locked file: exit status $status"
	cat "$folder/said"
	failed=$((failed + 1))
}
echo "$((count - failed)) of $count"
[ "$failed" -eq 0 ] && [ "$count" -gt 60 ]
