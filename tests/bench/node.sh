#!/bin/sh
# node: what reeve-node takes of a machine with 16 GPUs and 160 shares: memory, and processor time at rest and while all work
#
# The shares lend and borrow, which is the dearest there is to settle. Their processes are played: one program keeps a slot in each
# container's books and launches without end. NVML is not there, as in the goals; what the probe's process takes beside it is shown with
# the simulated one.
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
. "$root/tests/support/script/measure.sh"
. "$root/tests/sizes.sh"
build=${REEVE_BENCH_BIN%/bench}
folder=$(mktemp -d "${REEVE_STATE:-/tmp}/bench-node-XXXXXX")
node=
trap '[ -z "$node" ] || kill "$node"; wait; rm -rf "$folder"' EXIT
devices=16
shares=10
seconds=10
[ "${REEVE_SIZE:-short}" = short ] || seconds=60
load=$REEVE_BENCH_BIN/node_load

machine() # PCI devices, as sysfs shows them
{
	for device in $(seq 16 31); do
		at=$folder/sys/bus/pci/devices/$(printf '0000:%02x:00.0' "$device")
		mkdir -p "$at"
		echo 0x10de >"$at/vendor"
		echo 0x2335 >"$at/device"
		echo 0x030200 >"$at/class"
	done
}

begin() # NVML
{
	"$REEVE_BIN/reeve-node" --state-dir "$folder/state" --nvml "$1" --metrics-listen 127.0.0.1:0 --kernel-log "" \
		--sysfs "$folder/sys" >"$folder/log" 2>&1 &
	node=$!
	until at=$(sed -n 's/.*event=metrics.listening at=//p' "$folder/log") && [ -n "$at" ]; do sleep 0.1; done
	until curl -sS -f -o "$folder/ready" "http://$at/readyz" 2>/dev/null; do sleep 0.1; done
	sleep 3
}

# Per cent of a core that a process of one thread took while a command ran. Ticks of a hundredth of a second are too coarse for this.
core_percent() # PID COMMAND...
{
	pid=$1
	shift
	before=$(cut -d' ' -f1 "/proc/$pid/schedstat")
	begun=$(date +%s%N)
	"$@"
	awk -v a="$before" -v b="$(cut -d' ' -f1 "/proc/$pid/schedstat")" -v ns=$(($(date +%s%N) - begun)) 'BEGIN { printf "%.3f", (b - a) * 100 / ns }'
}

machine
"$load" "$folder/state" make $devices $shares
begin "$folder/none"
curl -sS "http://$at/metrics" >"$folder/page"
echo "  $(grep -c '^hami_vgpu_memory_limit_bytes{' "$folder/page") shares on $(grep -c '^reeve_node_device_memory_bytes{' "$folder/page") devices; a page of metrics has $(wc -c <"$folder/page") bytes"
goal "CPU at rest, no share has a process, per cent of a core" "$(core_percent $node sleep $seconds)" at-most 0.2
goal "CPU while all $((devices * shares)) work, per cent of a core" "$(core_percent $node "$load" "$folder/state" work $devices $shares $shares $seconds)" at-most 2
echo "    the same while one of each device works and lends are called back at once: $(core_percent $node "$load" "$folder/state" work $devices $shares 1 $seconds)"
curl -sS "http://$at/metrics" >"$folder/page"
goal "resident, MiB" "$(awk -v kib="$(rss_kib $node)" 'BEGIN { printf "%.1f", kib / 1024 }')" at-most 12
kill $node
wait $node
"$load" "$folder/flips" flip >"$folder/flip"
goal "a flip of priority reaches a program, us, the middle" "$(cut -d' ' -f1 "$folder/flip")" at-most 1000
echo "    all but one in a hundred, by when the machine lets the program run: $(cut -d' ' -f2 "$folder/flip") us"
FAKE_GPU="$folder/gpu" FAKE_DEVICES=4 begin "$build/fake/libnvidia-ml.so.1"
probe=$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v node="$node" '$4 == node { print $1; exit }')
spent=$(core_percent "$probe" sleep $seconds)
echo "    the probe's process, simulated NVML, 4 devices: $spent per cent, $(($(rss_kib "$probe") / 1024)) MiB resident"
[ "$goals_missed" -eq 0 ]
