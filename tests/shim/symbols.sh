#!/bin/sh
# usage: symbols.sh BUILD TREE
#
# What each form exports, which is what its tables say and nothing else; what it needs of libc: nothing newer than glibc 2.17,
# and nothing by which it could meddle with the program; and that its tables have no pointers, which the loader would set in each
# process anew (those that are left are entries, and the first jumps of trampolines).
set -eu
build=$1
tree=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
calls=$tree/agents/shim/calls.def
nvml=$tree/agents/shim/nvml.def
rows() # TABLE PATTERN OF A CLASS
{
	sed -nE "s/^(CALL|NVML)\\(([A-Za-z0-9_]*), (.*, )?($2)(, [A-Z]*)?\\)\$/\\2/p" "$1"
}
wrapped='ALLOC|FREE|HOLD|IMPORT|CONTEXT|MODULE|POOL|GRAPH|LAUNCH|CAPTURE|INFO|LIST|LOOKUP'
{
	rows "$calls" "$wrapped"
	rows "$nvml" "$wrapped"
	printf 'dlsym\ndlvsym\n'
} >"$folder/libreeve-shim.so"
rows "$calls" "$wrapped|WEIGHED|PASS" >"$folder/libreeve-shim-cuda.so"
rows "$nvml" "$wrapped|PASS" >"$folder/libreeve-shim-nvml.so"

for library in libreeve-shim.so libreeve-shim-cuda.so libreeve-shim-nvml.so; do
	LC_ALL=C sort -u "$folder/$library" >"$folder/wanted"
	nm -D --defined-only "$build/lib/$library" | awk '{ print $3 }' | LC_ALL=C sort -u >"$folder/exported"
	[ -s "$folder/wanted" ] && diff "$folder/wanted" "$folder/exported" || {
		echo "$library exports (>) or lacks (<) these"
		failed=1
	}
	nm -D --undefined-only "$build/lib/$library" | awk '{ print $NF }' >"$folder/needs"
	sed -n 's/.*@GLIBC_//p' "$folder/needs" | sort -V | tail -n 1 >"$folder/newest"
	[ "$(printf '2.17\n%s\n' "$(cat "$folder/newest")" | sort -V | tail -n 1)" = 2.17 ] || {
		echo "$library needs glibc $(cat "$folder/newest")"
		failed=1
	}
	sed 's/@.*//' "$folder/needs" | grep -xE 'signal|sigaction|sigprocmask|setenv|putenv|unsetenv|umask|pthread_create|atexit|__cxa_atexit|malloc|calloc|realloc|free|printf|__printf_chk|fprintf|__fprintf_chk|puts|stderr|abort|exit' && {
		echo "$library must not need these"
		failed=1
	}
	pointers=$(readelf -rW "$build/lib/$library" | grep -c R_X86_64)
	[ "$pointers" -lt $(($(wc -l <"$folder/$library") * 2 + 200)) ] || {
		echo "$library has $pointers places that the loader sets"
		failed=1
	}
done
[ "$(wc -l <"$folder/libreeve-shim-cuda.so")" -gt 700 ] || failed=1
exit $failed
