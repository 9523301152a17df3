#!/bin/sh
# usage: processes.sh BUILD plain|address|thread PROGRAM
#
# Random calls from many processes that come and go, through the shim in libcuda's place, built with the sanitizer of that name.
# It fails when what the simulator holds, what the shim tells and what the processes have counted disagree, or when the
# sanitizer has anything to say.
set -eu
build=$1
kind=$2
program=$3
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/lib"
if [ "$kind" = plain ]; then
	ln -s "$build/lib/libreeve-shim-cuda.so" "$folder/lib/libcuda.so.1"
else
	ln -s "$build/lib/libshim-$kind-cuda.so" "$folder/lib/libcuda.so.1"
fi
export CUDA_DEVICE_MEMORY_LIMIT=1g CUDA_DEVICE_MEMORY_SHARED_CACHE="$folder/region" REEVE_SHIM_DRIVER="$build/fake/libcuda.so.1"
export TSAN_OPTIONS="halt_on_error=1:report_signal_unsafe=0" ASAN_OPTIONS="${ASAN_OPTIONS:-}:detect_leaks=0"
seed=${REEVE_SEED:-$(date +%s)}
status=0
LD_LIBRARY_PATH=$folder/lib FAKE_GPU=$folder/gpu FUZZ_STAGE=$folder/stage \
	"$program" "$seed" "$REEVE_SIZE_SHIM_TURNS" "${REEVE_PROCESSES:-8}" || status=$?
[ "$status" -eq 0 ] || {
	echo "REEVE_SEED=$seed begins the same way"
	exit 1
}
[ -s "$folder/region" ] || { echo "the shim was not there"; exit 1; }
