#!/bin/sh
# usage: headers.sh CC TREE
#
# Compares the shim's tables and declarations with real headers, where there are any: $REEVE_CUDA_INCLUDE (folders, separated
# by colons), and where toolkits are installed. Each call must be in calls.def or nvml.def; each structure must have the real
# one's layout; each enumeration's value must be the real one. Without headers only the tables themselves are looked at, and
# the rest is skipped.
set -eu
cc=$1
tree=$2
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0
fail()
{
	echo "$*"
	failed=1
}

# What sounds like an allocation must have been weighed, header or not; and both tables are searched by halves.
sed -n 's/^CALL(\([A-Za-z0-9_]*\), \([A-Za-z0-9_]*\), [0-9]*, [A-Z]*, \([A-Z]*\), [A-Z]*)$/\1 \2 \3/p' "$tree/agents/shim/calls.def" >"$folder/calls"
sed -n 's/^NVML(\([A-Za-z0-9_]*\), [A-Z]*)$/\1/p' "$tree/agents/shim/nvml.def" >"$folder/nvml"
[ "$(wc -l <"$folder/calls")" -eq "$(grep -c '^CALL(' "$tree/agents/shim/calls.def")" ] || fail "calls.def has rows in another form"
[ "$(wc -l <"$folder/nvml")" -eq "$(grep -c '^NVML(' "$tree/agents/shim/nvml.def")" ] || fail "nvml.def has rows in another form"
cut -d' ' -f1 "$folder/calls" | LC_ALL=C sort -c -u || fail "calls.def is not sorted"
LC_ALL=C sort -c -u "$folder/nvml" || fail "nvml.def is not sorted"
awk '$3 == "PASS" && $2 ~ /Alloc|Create|Import|Launch|Open|Retain|Instantiate|Load|Register/ { print $1 ": sounds like an allocation and is PASS"; bad = 1 } END { exit bad }' \
	"$folder/calls" || failed=1

# Names that a header declares or renames to, its twins with the thread's own stream among them.
header_calls() # HEADER...
{
	cat "$@" | tr '\n' ' ' | sed 's,/\*[^*]*\*\**\([^/*][^*]*\*\**\)*/, ,g' >"$folder/flat"
	grep -oE 'CUDAAPI +cu[A-Za-z0-9_]+ *\(' "$folder/flat" | sed 's/CUDAAPI *//; s/ *(//'
	cat "$@" | sed -n 's/^ *# *define *cu[A-Za-z0-9_]* *__CUDA_API_PTDS(\(cu[A-Za-z0-9_]*\)).*/\1_ptds/p
		s/^ *# *define *cu[A-Za-z0-9_]* *__CUDA_API_PTSZ(\(cu[A-Za-z0-9_]*\)).*/\1_ptsz/p
		s/^ *# *define *cu[A-Za-z0-9_]* *\(cu[A-Za-z0-9]*_v[0-9]*\) *$/\1/p'
}

# Each fact of our declarations and of the real ones, in the same words.
facts() # NAME HEADER FIELDS ENUMS OPTION...
{
	name=$1 header=$2 fields=$3 enums=$4
	shift 4
	{
		cat <<FACTS
#include <stddef.h>
#include <stdio.h>
#include "$header"
#define SIZE(type) printf("%s %zu\\n", #type, sizeof(type));
#define FIELD(type, member) printf("%s.%s %zu\\n", #type, #member, offsetof(type, member));
#define VALUE(name) printf("%s %d\\n", #name, (int)name);
int main(void) {
#include "$fields"
FACTS
		for value in $enums; do
			echo "VALUE($value)"
		done
		echo "}"
	} >"$folder/$name.c"
	"$cc" -w "$@" -I"$tree/tests/shim" -o "$folder/$name" "$folder/$name.c" && "$folder/$name" >"$folder/$name.facts"
}

compare() # HEADER FOLDER FIELDS PREFIX
{
	enums=$(sed -n 's/^\t\(\('"$4"'\)[A-Za-z0-9_]*\) = .*/\1/p' "$tree/agents/shim/abi.h" | grep -v CU_MEM_LOCATION_TYPE_NONE)
	mkdir -p "$folder/view" && ln -sfn "$tree/agents/shim" "$folder/view/shim"
	facts ours shim/abi.h "$3" "$enums" -I"$folder/view" || fail "our declarations do not compile"
	facts real "$1" "$3" "$enums" -I"$2" || fail "$2/$1 does not compile"
	diff "$folder/ours.facts" "$folder/real.facts" || fail "$2/$1 says otherwise than abi.h"
}

seen=0
for include in $(echo "${REEVE_CUDA_INCLUDE:-}:/usr/local/cuda/include:/usr/include:/opt/cuda/include" | tr ':' ' '); do
	if [ -f "$include/cuda.h" ]; then
		seen=$((seen + 1))
		header_calls "$include/cuda.h" | LC_ALL=C sort -u >"$folder/real"
		cut -d' ' -f1 "$folder/calls" | LC_ALL=C sort -u | LC_ALL=C comm -13 - "$folder/real" >"$folder/new"
		[ ! -s "$folder/new" ] || fail "$include/cuda.h has calls that calls.def does not classify:" "$(xargs <"$folder/new")"
		[ "$(wc -l <"$folder/real")" -gt 400 ] || fail "$include/cuda.h was not read"
		compare cuda.h "$include" abi_fields.def 'CU_\|CUDA_'
	fi
	if [ -f "$include/nvml.h" ]; then
		seen=$((seen + 1))
		tr '\n' ' ' <"$include/nvml.h" | grep -oE 'DECLDIR +(char *\* *)?nvml[A-Za-z0-9_]+ *\(' | sed 's/DECLDIR *//; s/char *\* *//; s/ *(//' | LC_ALL=C sort -u >"$folder/real"
		LC_ALL=C comm -13 "$folder/nvml" "$folder/real" >"$folder/new"
		[ ! -s "$folder/new" ] || fail "$include/nvml.h has calls that nvml.def does not have:" "$(xargs <"$folder/new")"
		compare nvml.h "$include" abi_nvml_fields.def NVML_
	fi
done
[ "$failed" -eq 0 ] || exit 1
[ "$seen" -gt 0 ] || {
	echo "no cuda.h and no nvml.h on this machine: name their folders in REEVE_CUDA_INCLUDE"
	exit 77
}
