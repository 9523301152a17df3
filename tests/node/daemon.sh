#!/bin/sh
# usage: daemon.sh BUILD REEVE_NODE FAKE_TELL NODE_ALLOCATE
#
# The daemon over simulated GPUs: it finds them, tells of their health, goes on while one of them holds or ends whoever asks after it,
# finds out and ends a process that goes round the shim, and runs without NVML.
set -eu
build=$1
node=$2
tell=$3
allocate=$4
folder=$(mktemp -d)
daemon=
bypass=
trap 'kill $daemon $bypass 2>/dev/null || true; wait; rm -rf "$folder"' EXIT
export FAKE_GPU="$folder/gpu" FAKE_DEVICES=4 FAKE_TIMED=1
failed=0
gpu() # NUMBER
{
	echo "GPU-4$1""4$1""4$1""4$1-4$1""4$1-4$1""4$1-4$1""4$1-4$1""4$1""4$1""4$1""4$1""4$1"
}
begin() # FLAGS...
{
	: >"$folder/log"
	"$node" --state-dir "$folder/state" --nvml "$build/fake/libnvidia-ml.so.1" --metrics-listen 127.0.0.1:0 --audit-ms 200 \
		--scan-ms 300 --probe-timeout-ms 3000 --kernel-log "" --sysfs "$folder/sys" --procfs "$folder/proc" "$@" >"$folder/log" 2>&1 &
	daemon=$!
	await "event=metrics.listening"
	at=$(sed -n 's/.*event=metrics.listening at=//p' "$folder/log")
}
end()
{
	kill "$daemon"
	wait "$daemon" || { echo "it ended with $?"; failed=$((failed + 1)); }
	daemon=
}
await() # WORDS: in the log
{
	tries=0
	until grep -q -- "$1" "$folder/log"; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "\"$1\" was awaited in:"; cat "$folder/log"; exit 1; }
		sleep 0.1
	done
}
metric() # LINE'S BEGINNING
{
	curl -sS "http://$at/metrics" >"$folder/page"
	grep -F -- "$1" "$folder/page" | sed 's/.*} //'
}
becomes() # VALUE LINE'S BEGINNING
{
	tries=0
	until [ "$(metric "$2")" = "$1" ]; do
		tries=$((tries + 1))
		[ $tries -lt 200 ] || { echo "$2 is $(metric "$2"), $1 was awaited"; exit 1; }
		sleep 0.1
	done
}
is() # WHAT VALUE WANTED
{
	[ "$2" = "$3" ] || { echo "$1: $2, $3 was expected"; failed=$((failed + 1)); }
}

begin
await "event=inventory.changed devices=4"
becomes 120.500 "DCGM_FI_DEV_POWER_USAGE{gpu=\"3\",UUID=\"$(gpu 3)\",device=\"nvidia3\",modelName=\"NVIDIA H200\""
is "ready" "$(curl -sS -o /dev/null -w '%{http_code}' "http://$at/readyz")" 200
is "no such page" "$(curl -sS -o /dev/null -w '%{http_code}' "http://$at/none")" 404
curl -sS -H 'Accept: application/openmetrics-text; version=1.0.0' "http://$at/metrics" >"$folder/open"
is "OpenMetrics ends so" "$(tail -n 1 "$folder/open")" "# EOF"
is "a counter's family has no _total there" "$(grep -c '^# TYPE reeve_node_findings counter$' "$folder/open")" 1
if grep -v '^#' "$folder/open" | grep -vE '^[A-Za-z_]+\{([A-Za-z_]+="[^"]*",?)+\} -?[0-9.]+$'; then
	echo "the lines above are no samples"
	failed=$((failed + 1))
fi

# What an XID makes of a device depends on the XID.
"$tell" xid 2 31
"$tell" xid 0 79
await "device=$(gpu 0) state=failed cause=\"xid 79"
becomes 31 "DCGM_FI_DEV_XID_ERRORS{gpu=\"2\""
becomes 1 "reeve_node_device_state{node=\"$(hostname)\",device_uuid=\"$(gpu 2)\",state=\"ok\"}"

# Cut into instances: the inventory is another, and a container that has one is shown with it.
# One that hangs, and one that ends whoever asks: the others are seen as before.
"$tell" hung 1 1
sleep 0.5
is "the daemon answers at once" "$(curl -sS -m 1 "http://$at/livez")" ok
await "device=$(gpu 1) state=failed cause=\"does not answer\""
"$tell" hung 1 0
"$tell" deadly 3 1
await "device=$(gpu 3) state=failed cause=\"does not answer\""
"$tell" hold 2 500 >"$folder/held" &
bypass=$!
becomes 524288000 "hami_host_gpu_memory_used_bytes{zone=\"vGPU\",node=\"$(hostname)\",device_index=\"2\""
await "kind=stray .*device=$(gpu 2) pid=$bypass found=500"
kill "$bypass"
"$tell" deadly 3 0
end

# A library of many years ago, which lacks most of what we ask: what it tells is enough to go on.
begin --nvml "$build/fake/nvml_of_old.so"
await "event=inventory.changed devices=1"
becomes 1 "reeve_node_device_state{node=\"$(hostname)\",device_uuid=\"GPU-old\",state=\"ok\"}"
becomes 3145728 "hami_host_gpu_memory_used_bytes{zone=\"vGPU\",node=\"$(hostname)\",device_index=\"0\",device_uuid=\"GPU-old\""
is "what it does not tell is left out" "$(metric 'DCGM_FI_DEV_GPU_TEMP{')" ""
end

# Of a device with very many processes none is overlooked.
"$allocate" "$folder/state" other GPU-many 1000 0 0
begin --nvml "$build/fake/nvml_of_many.so"
await "event=audit.finding kind=stray.*pid=$daemon"
end

# A container with a MIG instance is shown with it.
"$tell" mig 2 2
"$allocate" "$folder/state" cut MIG-00000002-0000-0000-0000-000000000001 1000 0 0
begin
becomes 1 "hami_mig_device_info{zone=\"vGPU\",node=\"$(hostname)\",namespace=\"ml\",pod=\"cut\",container=\"main\",vdevice_index=\"0\",device_uuid=\"MIG-00000002-0000-0000-0000-000000000001\",mig_uuid=\"MIG-00000002-0000-0000-0000-000000000001\",profile=\"NVIDIA H200 MIG 1g.18gb\",gpu_instance_id=\"8\",compute_instance_id=\"0\"}"
end
"$tell" mig 2 0

# A process that goes round the shim: found, then ended where that is the policy. The daemon learns of it by a restart.
"$tell" hold 0 1500 >"$folder/held" &
bypass=$!
until [ -s "$folder/held" ]; do sleep 0.05; done
"$allocate" "$folder/state" over "$(gpu 0)" 1000 300 $bypass
begin
await "kind=memory_over action=reported allocation=over device=$(gpu 0) pid=$bypass found=1500 expected=1000"
await "kind=unbooked action=reported allocation=over"
becomes 1572864000 "hami_vgpu_memory_used_bytes{zone=\"vGPU\",node=\"$(hostname)\",namespace=\"ml\",pod=\"over\""
becomes 1572864000 "reeve_node_share_correction_bytes{zone=\"vGPU\",node=\"$(hostname)\",namespace=\"ml\",pod=\"over\""
is "what is beyond the books counts as used" "$("$node" region show "$folder/state/allocations/over" | sed -n 2p | cut -d, -f1)" \
	"device 0: memory 0 MiB of 1000 MiB"
kill -0 "$bypass" || failed=$((failed + 1))
end
begin --audit hold
await "kind=memory_over action=held allocation=over"
is "it is stopped" "$(sed 's/.*) //' "/proc/$bypass/stat" | cut -c1)" T
end
begin --audit kill
await "kind=memory_over action=killed allocation=over"
wait "$bypass" || is "it was ended" $? 137
end

# Two of them on one state folder would undo each other's work.
begin
"$node" --state-dir "$folder/state" --metrics-listen "" --nvml "$folder/none.so" >"$folder/second" 2>&1 && failed=$((failed + 1))
grep -q "another reeve-node has" "$folder/second" || is "what the second says" "$(cat "$folder/second")" "another reeve-node has ..."
end

# What containers are given is put where the host finds it; a file that is mounted somewhere is never written into.
mkdir "$folder/from"
for name in libreeve-shim.so libreeve-shim-cuda.so libreeve-shim-nvml.so reeve-hook ld.so.preload; do echo "$name" >"$folder/from/$name"; done
"$node" install "$folder/lib" "$folder/from"
exec 9<"$folder/lib/reeve-hook"
echo newer >"$folder/from/reeve-hook"
"$node" install "$folder/lib" "$folder/from"
is "the new hook" "$(cat "$folder/lib/reeve-hook")" newer
is "the one that is mounted" "$(cat <&9)" reeve-hook
exec 9<&-
is "it may be run" "$(stat -c %a "$folder/lib/reeve-hook")" 755
rm "$folder/from/reeve-hook"
"$node" install "$folder/lib" "$folder/from" 2>/dev/null && is "without the hook" "done" refused

# Whose a process is, is told by what is mounted where it runs: nothing says it here but that.
if unshare -rm true 2>/dev/null; then
	"$allocate" "$folder/state" mounted "$(gpu 2)" 1000 300 0
	unshare -rm sh -c 'mount --bind "$1" /mnt && exec "$2" hold 2 1500' \
		sh "$folder/state/allocations/mounted" "$tell" >"$folder/held" &
	bypass=$!
	begin
	await "kind=memory_over action=reported allocation=mounted device=$(gpu 2) pid=$bypass found=1500 expected=1000"
	kill "$bypass"
	end
else
	echo "no namespaces may be made here: attribution by mounts is left out"
fi

# Device time beyond the share.
"$tell" busy 1 >"$folder/held" &
bypass=$!
"$allocate" "$folder/state" busy "$(gpu 1)" 0 300 $bypass
begin
await "kind=compute_over action=reported allocation=busy"
kill "$bypass"
end

# Without NVML the machine's own files say what there is.
pci=$folder/sys/bus/pci/devices
mkdir -p "$pci/0000:3b:00.0" "$pci/0000:3c:00.0" "$pci/0000:3d:00.0" "$folder/proc/driver/nvidia/gpus/0000:3b:00.0"
for device in 3b 3c; do
	echo 0x10de >"$pci/0000:$device:00.0/vendor"
	echo 0x2335 >"$pci/0000:$device:00.0/device"
	echo 0x030200 >"$pci/0000:$device:00.0/class"
	echo 1 >"$pci/0000:$device:00.0/numa_node"
done
echo 0x1002 >"$pci/0000:3d:00.0/vendor"
echo 0x74a1 >"$pci/0000:3d:00.0/device"
echo 0x120000 >"$pci/0000:3d:00.0/class"
printf 'Model: \t\t NVIDIA H200\nGPU UUID: \t %s\nDevice Minor: \t 0\n' "$(gpu 0)" >"$folder/proc/driver/nvidia/gpus/0000:3b:00.0/information"
begin --nvml "$folder/none.so"
await "event=nvml.none"
await "device=$(gpu 0) state=unmonitored cause=\"NVML is not there\""
await "device=PCI-0000:3c:00.0 state=unmonitored"
becomes 0 "reeve_node_nvml{"
curl -sS "http://$at/metrics" >"$folder/page"
is "two whose memory is known have a figure of it" "$(grep -c '^reeve_node_device_memory_bytes{' "$folder/page")" 2
is "and one of another maker has a state alone" "$(grep -c '^reeve_node_device_state{.*PCI-0000:3d:00.0.*state="unmonitored"} 1' "$folder/page")" 1
end

# A tool for NPUs that hangs delays nothing, and is ended; one that answers says what the chip is.
mkdir -p "$pci/0000:c1:00.0"
echo 0x19e5 >"$pci/0000:c1:00.0/vendor"
echo 0xd500 >"$pci/0000:c1:00.0/device"
echo 0x120000 >"$pci/0000:c1:00.0/class"
cat >"$folder/npu-smi" <<'TOOL'
#!/bin/sh
at=$(dirname "$0")
echo $$ >>"$at/npu-smi.pids"
while [ -e "$at/npu-smi.hangs" ]; do sleep 0.1; done
case "$1 $2 $3" in
'info -m '*) printf 'NPU ID Chip ID Chip Logic ID Chip Name\n3 0 0 Ascend310P3\n' ;;
'info -t board') echo 'PCIe Bus Info : 0000:C1:00.0' ;;
'info -t info-vnpu') echo '| Total number of vnpu: 0 |' ;;
esac
TOOL
chmod +x "$folder/npu-smi"
: >"$folder/npu-smi.hangs"
begin --npu-smi "$folder/npu-smi" --npu-timeout-ms 1500
until [ -s "$folder/npu-smi.pids" ]; do sleep 0.1; done
is "the daemon answers while the tool hangs" "$(curl -sS -m 1 "http://$at/livez")" ok
await "event=npus.silent .*took too long"
hung=$(head -n 1 "$folder/npu-smi.pids")
tries=0
while grep -q '^State:.[^ZX]' "/proc/$hung/status" 2>/dev/null; do
	tries=$((tries + 1))
	[ $tries -lt 200 ] || { echo "who hung goes on"; exit 1; }
	sleep 0.1
done
rm "$folder/npu-smi.hangs"
await "device=PCI-0000:c1:00.0 state=ok"
end

for flags in "--audit maybe" "--agent http://x" "--log-level loud" "--audit-ms 1" "nonsense"; do
	status=0
	# shellcheck disable=SC2086
	"$node" $flags >"$folder/said" 2>&1 || status=$?
	is "$flags is refused" $status 2
	[ -s "$folder/said" ] || failed=$((failed + 1))
done
exit $failed
