#!/bin/sh
# usage: mounted.sh BUILD CHECK REGION
#
# Limits that a node has mounted: they count alone, whatever the environment says; they follow the node while programs run; and
# a folder that cannot be used lets nothing through. The libraries are built to look for the mount in BUILD/mounted, and are
# otherwise the ones that are shipped.
#
# By itself where the kernel lets it: a program that is told nothing looks at the others of its container, and the machine may
# have programs of another test.
set -eu
alone="unshare --mount --pid --fork --kill-child --mount-proc"
if [ -z "${MOUNTED_ALONE:-}" ] && $alone true 2>/dev/null; then
	MOUNTED_ALONE=1 exec $alone sh "$0" "$@"
fi
build=$1
check=$2
region=$3
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
folder=$(mktemp -d)
mount=$build/mounted
trap 'rm -rf "$folder" "$mount"' EXIT
shim="shim-mounted"
. "$here/forms.sh"
failed=0
expect() # WHAT STATUS COMMAND...
{
	what=$1
	wanted=$2
	shift 2
	status=0
	"$@" >"$folder/said" 2>&1 || status=$?
	[ "$status" -eq "$wanted" ] || {
		echo "$form: $what: exit status $status, $wanted was expected"
		cat "$folder/said"
		failed=$((failed + 1))
	}
}
fresh() # ARGUMENTS OF shim_region make
{
	rm -rf "$mount"
	"$region" make "$mount" "$@" driver="$build/fake/libcuda.so.1" nvml="$build/fake/libnvidia-ml.so.1"
}

for form in preload replace; do
	fresh 1024 1000
	expect "the mounted limit counts" 0 form_run "$form" "$check" fill_alloc
	CUDA_DEVICE_MEMORY_LIMIT=64g REEVE_SHIM_REGION="$folder/none" expect "and not the environment's" 0 form_run "$form" "$check" fill_alloc
	mkdir -p "$folder/else" && rm -rf "$folder/else"
	"$region" make "$folder/else" 65536 1000
	REEVE_SHIM_REGION="$folder/else" expect "nor another region" 0 form_run "$form" "$check" fill_alloc
	expect "a process without variables has it" 0 form_run "$form" "$check" limit_holds_in_a_bare_environment
	rm -rf "$folder/else"

	rm -f "$mount/books"
	expect "books that are gone let nothing through" 1 form_run "$form" "$check" fill_alloc
	fresh 1024 1000
	printf 'x' | dd of="$mount/limits" bs=1 seek=40 conv=notrunc 2>/dev/null
	expect "nor do limits that are damaged" 1 form_run "$form" "$check" fill_alloc
	fresh 1024 1000
	: >"$mount/limits"
	expect "nor do limits that are cut" 1 form_run "$form" "$check" fill_alloc

	fresh 1024 1000
	export SHIM_RESIZE="$region set $mount memory"
	FAKE_CONTEXT_MIB=1 expect "more than 64 processes keep it together" 0 form_run "$form" "$check" many_processes
	fresh 1024 1000
	expect "a resize takes effect at once" 0 form_run "$form" "$check" resized_while_it_runs
	fresh 1024 1000 over
	expect "oversubscription turns the rest into managed memory" 0 form_run "$form" "$check" oversubscribed
	rm -rf "$mount"
	"$region" make "$folder/named" 1024 1000
	REEVE_SHIM_REGION="$folder/named" expect "without a mount the named region counts" 0 form_run "$form" "$check" fill_alloc
	rm -rf "$folder/named"
	REEVE_SHIM_REGION="$folder/named" expect "and one that is gone lets nothing through" 1 form_run "$form" "$check" fill_alloc
	for told in "REEVE_SHIM_REGION=$folder/named" CUDA_DEVICE_MEMORY_LIMIT=1g; do
		"$region" make "$folder/named" 1024 1000
		: >"$folder/stay"
		form_run "$form" env SHIM_STAY="$folder/stay" "$told" "$check" stay >"$folder/stays" &
		stays=$!
		for turn in $(seq 200); do
			! grep -q staying "$folder/stays" || break
			sleep 0.05
		done
		expect "who is told nothing goes by what others have ($told)" 0 form_keep "$form" env -u CUDA_DEVICE_MEMORY_SHARED_CACHE "$check" to_what_is_left
		rm "$folder/stay"
		wait $stays
		rm -rf "$folder/named"
	done
	usual=/tmp/reeve-shim-$(id -u)
	if [ ! -e "$usual" ]; then
		expect "without a named file the usual one counts" 0 form_run "$form" env -u CUDA_DEVICE_MEMORY_SHARED_CACHE CUDA_DEVICE_MEMORY_LIMIT=1g "$check" fill_alloc
		expect "left from another day it does not" 1 form_run "$form" env -u CUDA_DEVICE_MEMORY_SHARED_CACHE CUDA_DEVICE_MEMORY_LIMIT=4g "$check" fill_alloc
		grep -q 'fake_held(0) <= 1024' "$folder/said" || failed=$((failed + 1))
		expect "nor for who is told nothing" 1 form_run "$form" env -u CUDA_DEVICE_MEMORY_SHARED_CACHE "$check" fill_alloc
		grep -q 'fake_held(0) <= 1024' "$folder/said" || failed=$((failed + 1))
		rm -f "$usual"
	fi
	expect "without anything nothing is limited" 1 form_run "$form" "$check" fill_alloc
	grep -q 'fake_held(0) <= 1024' "$folder/said" || failed=$((failed + 1))
done
exit $failed
