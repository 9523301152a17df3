#!/bin/sh
# usage: run.sh BUILD REEVE_NODE CHECK SHARE
#
# `reeve-node run` and `reeve-node region`: what is run is limited in both forms, its exit status is passed on, nothing is left
# behind, and what is asked wrongly is refused in words.
set -eu
build=$1
node=$2
check=$3
share=$4
folder=$(mktemp -d)
first=''
low=''
high=''
trap 'kill $first $low $high 2>/dev/null || true; rm -rf "$folder"' EXIT
export FAKE_GPU="$folder/gpu" XDG_RUNTIME_DIR="$folder/runtime"
mkdir "$XDG_RUNTIME_DIR"
failed=0
expect() # WHAT STATUS COMMAND...
{
	what=$1
	wanted=$2
	shift 2
	status=0
	"$@" >"$folder/said" 2>&1 || status=$?
	[ "$status" -eq "$wanted" ] || {
		echo "$what: exit status $status, $wanted was expected"
		cat "$folder/said"
		failed=$((failed + 1))
	}
	rm -f "$FAKE_GPU"
}
says() # WORDS
{
	grep -qF -e "$1" "$folder/said" || {
		echo "\"$1\" was expected, and this was said:"
		cat "$folder/said"
		failed=$((failed + 1))
	}
}
limited() # FLAGS OF run... -- COMMAND...
{
	"$node" run --libraries "$build/lib" "$@"
}
replaced()
{
	limited --form replace --driver "$build/fake/libcuda.so.1" --nvml "$build/fake/libnvidia-ml.so.1" "$@"
}

for run in limited replaced; do
	expect "$run: the limit holds" 0 $run --memory-mib 1024 -- "$check" fill_alloc
	expect "$run: what the dead held is free" 0 $run --memory-mib 1024 -- "$check" killed_gives_back
	expect "$run: without one, nothing is limited" 1 $run -- "$check" fill_alloc
	says "fake_held(0) <= 1024"
	expect "$run: HAMi's variables say nothing beside it" 0 env CUDA_DEVICE_MEMORY_LIMIT=64g "$node" run --libraries "$build/lib" \
		--memory-mib 1024 -- "$check" fill_alloc
done
expect "by UUID" 0 limited --memory-mib 1024 --device GPU-40404040-4040-4040-4040-404040404040 -- "$check" fill_alloc
expect "by index" 0 limited --memory-mib 1024 --device 0 -- "$check" fill_alloc

expect "its exit status is ours" 7 limited -- sh -c 'exit 7'
expect "a signal that ended it is told as shells do" 137 limited -- sh -c 'kill -9 $$'
expect "no such command" 127 limited -- "$folder/none"
says "No such file"
expect "what is no program" 126 limited -- "$folder"
expect "the command's own flags are left alone" 0 limited -- sh -c 'test "$1" = --memory-mib' sh --memory-mib
"$node" run --libraries "$build/lib" -- sh -c 'trap "exit 5" TERM; touch '"$folder/ready"'; while :; do sleep 0.05; done' &
beside=$!
while ! [ -e "$folder/ready" ]; do sleep 0.05; done
kill "$beside"
expect "a signal is passed on" 5 wait "$beside"

expect "no command" 2 limited --memory-mib 1
says "a command is needed"
expect "no such priority" 2 limited --priority middle -- true
says "takes high or low"
expect "no such device" 2 limited --device gpu-one -- true
says "--device: takes an index or a UUID"
expect "more than a device" 2 limited --compute-milli 1001 -- true
says "takes 0 to 1000"
expect "an unknown flag" 2 limited --memory 1 -- true
expect "no such form" 2 limited --form both -- true
expect "no shim there" 1 "$node" run --libraries "$folder" -- true
says "libreeve-shim.so"
shares=$XDG_RUNTIME_DIR/reeve-run
[ "$(ls "$shares")" = lock ] || { echo "left behind:" "$shares"/*; failed=$((failed + 1)); }

# Neighbours settle among themselves: who has low priority is held while high works, also when the one that settles is killed.
becomes() # WORDS FOLDER: as `region show` says
{
	tries=0
	until "$node" region show "$2" 2>/dev/null | grep -q "$1"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "\"$1\" was awaited of $2"; "$node" region show "$2"; exit 1; }
		sleep 0.1
	done
}
one_folder() # PID OF reeve-node run
{
	until ls -d "$shares/run-$1-"* >/dev/null 2>&1; do sleep 0.05; done
	ls -d "$shares/run-$1-"*
}
export FAKE_TIMED=1
"$node" run --libraries "$build/lib" -- sh -c 'echo $$ >"$1" && exec sleep 60' sh "$folder/sleeper" &
first=$!
one_folder $first >/dev/null
until [ -s "$folder/sleeper" ]; do sleep 0.05; done
"$node" run --libraries "$build/lib" --priority low -- "$share" kernel 1000000 1 60000 1000 >/dev/null &
low=$!
low_folder=$(one_folder $low)
"$node" run --libraries "$build/lib" -- "$share" kernel 1000000 1 60000 1000 >/dev/null &
high=$!
becomes "device 0: .*held" "$low_folder"
kill -9 "$first"
first=$(cat "$folder/sleeper")
kill "$high"
wait "$high" || true
becomes "device 0: .*lent 0$" "$low_folder"
"$node" run --libraries "$build/lib" -- "$share" kernel 1000000 1 60000 1000 >/dev/null &
high=$!
becomes "device 0: .*held" "$low_folder"
kill "$high" "$low"
wait "$high" "$low" || true
high=''
low=''
rm -f "$FAKE_GPU"
unset FAKE_TIMED

region=$folder/region
expect "a region is made" 0 "$node" region create "$region" --memory-mib 1024 --compute-milli 300 --priority low
expect "and not over another" 1 "$node" region create "$region" --memory-mib 64
says "File exists"
expect "programs go by it" 0 env REEVE_SHIM_REGION="$region" LD_PRELOAD="$build/lib/libreeve-shim.so" "$check" fill_alloc
expect "it is shown" 0 "$node" region show "$region"
says "priority low"
says "device 0: memory 0 MiB of 1024 MiB, compute 300 of 1000"
SHIM_RESIZE="$node region set $region --compute-milli 0 --memory-mib"
expect "and changed while it is used" 0 env SHIM_RESIZE="$SHIM_RESIZE" REEVE_SHIM_REGION="$region" \
	LD_PRELOAD="$build/lib/libreeve-shim.so" "$check" resized_while_it_runs
expect "the flags may stand first" 0 "$node" region create --memory-mib 64 "$folder/another"
expect "no verb" 2 "$node" region
says "takes create, set or show"
expect "no such verb" 2 "$node" region make "$folder/third"
says "is none of create"
expect "nothing is there" 1 "$node" region show "$folder/none"
: >"$region/books"
expect "books that are cut are told" 1 "$node" region show "$region"
says "they are cut"
for word in run region; do
	expect "$word --help" 0 "$node" "$word" --help
	says "--memory-mib"
	expect "$word --version" 0 "$node" "$word" --version
done
exit $failed
