#!/bin/sh
# shim: what the shim costs a program and how well it keeps shares, on a simulated driver: added over that driver alone
#
# Each figure of a call's cost is the least of several rounds, with and without the shim in turn. Shares are device time served, by
# the simulator's own count. A machine that does other work shows in stalls and in percentiles: the same without the shim
# stands beside those.
#
#     REEVE_BENCH_ROUNDS (5): of costs; REEVE_BENCH_PEER: another preload library under HAMi's variables, to stand beside costs
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
. "$root/tests/support/script/measure.sh"
. "$root/tests/sizes.sh"
build=${REEVE_BENCH_BIN%/bench}
folder=$(mktemp -d "${REEVE_STATE:-/tmp}/bench-shim-XXXXXX")
trap 'rm -rf "$folder"' EXIT
. "$root/tests/shim/forms.sh"
rounds=${REEVE_BENCH_ROUNDS:-5}
cost=$REEVE_BENCH_BIN/shim_cost
share=$REEVE_BENCH_BIN/shim_share
storm=$REEVE_BENCH_BIN/shim_storm
region=$REEVE_BENCH_BIN/shim_region
export LD_LIBRARY_PATH="$build/fake" LC_ALL=C

# What each form answers, in turn, so that a slow moment of the machine meets all of them.
in_turn() # FORMS LIMITS COMMAND...
{
	forms=$1 limits=$2
	shift 2
	rm -f "$folder"/turn.*
	round=0
	while [ $round -lt "$rounds" ]; do
		round=$((round + 1))
		for form in $forms; do
			if [ "$form" = none ]; then
				form_run none "$@"
			else
				form_run "$form" env "$limits" "$@"
			fi >>"$folder/turn.$form"
		done
	done
}

least() # FORM [FIELD]: of its answers
{
	awk -v at="${2:-1}" 'NR == 1 || $at < least { least = $at } END { print least }' "$folder/turn.$1"
}

tenths() # N
{
	awk -v n="$1" 'BEGIN { printf "%.1f", n / 10 }'
}

peer_cost() # LIMITS ARGUMENTS OF shim_cost
{
	[ -n "${REEVE_BENCH_PEER:-}" ] || return 0
	peer_limits=$1
	shift
	rm -f "$folder/gpu" "$folder/peer.cache"
	peer=$(FAKE_GPU="$folder/gpu" CUDA_DEVICE_MEMORY_SHARED_CACHE="$folder/peer.cache" LIBCUDA_LOG_LEVEL=0 \
		LD_PRELOAD="$REEVE_BENCH_PEER" timeout 120 env "$peer_limits" "$cost" "$@" 2>/dev/null | tail -n 1) || true
	echo "    the peer: $(tenths "${peer:-0}") ns in all, $(tenths $((${peer:-0} - alone))) added"
}

added() # WHAT BOUND LIMITS ARGUMENTS OF shim_cost...: in both forms, over the driver alone
{
	what=$1 bound=$2 limits=$3
	shift 3
	in_turn "none preload replace" "$limits" "$cost" "$@"
	alone=$(least none)
	for form in preload replace; do
		goal "$what, ns added, $form" "$(tenths $(($(least $form) - alone)))" at-most "$bound"
	done
	peer_cost "$limits" "$@"
}

total() # WHAT BOUND CALL
{
	in_turn "none preload replace" CUDA_DEVICE_MEMORY_LIMIT=8g "$cost" "$3"
	alone=$(least none)
	for form in preload replace; do
		goal "$1, ns in all, $form" "$(tenths "$(least $form)")" at-most "$2"
	done
	peer_cost CUDA_DEVICE_MEMORY_LIMIT=8g "$3"
}

# Eight processes in one container at once: the mean of what each pays.
eight() # FORM
{
	rm -f "$folder/gpu" "$folder/region"
	for i in 1 2 3 4 5 6 7 8; do
		CUDA_DEVICE_MEMORY_LIMIT=8g form_keep "$1" "$cost" alloc >"$folder/eight.$i" &
	done
	wait
	cat "$folder"/eight.? | awk '{ n += $1 } END { printf "%d\n", n / NR }'
}

costs()
{
	added "F1 a call that passes" 1.5 CUDA_DEVICE_MEMORY_LIMIT=8g pass
	added "F2 launch, no share" 2 CUDA_DEVICE_MEMORY_LIMIT=8g launch
	added "F3 launch, a share and credit" 12 CUDA_DEVICE_SM_LIMIT=50 launch
	added "F3 the same, 8 threads" 15 CUDA_DEVICE_SM_LIMIT=50 launch 8
	added "F4 alloc and free" 40 CUDA_DEVICE_MEMORY_LIMIT=8g alloc
	added "F4 the same, 8 threads" 50 CUDA_DEVICE_MEMORY_LIMIT=8g alloc 8
	rm -f "$folder"/turn.*
	for form in none preload none preload none preload; do
		eight $form >>"$folder/turn.$form"
	done
	goal "F4 the same, 8 processes, ns added, preload" "$(tenths $(($(least preload) - $(least none))))" at-most 70
	added "F5 with 10,000 live" 60 CUDA_DEVICE_MEMORY_LIMIT=8g alloc 1 10000
	added "F5 with 50,000 live" 100 CUDA_DEVICE_MEMORY_LIMIT=8g alloc 1 50000
	total "F6 cuMemGetInfo" 25 meminfo
	total "F6 NVML's memory" 40 nvml
}

starts()
{
	export FAKE_NVML_US=2000 FAKE_CONTEXT_US=50000
	in_turn "none preload" CUDA_DEVICE_MEMORY_LIMIT=8g "$storm" start 16
	unset FAKE_NVML_US FAKE_CONTEXT_US
	goal "F7 16 start at once, us added, mean" $(($(least preload) - $(least none))) at-most 3000
	goal "F7 the same, the slowest" $(($(least preload 2) - $(least none 2))) at-most 5000
}

# One program under a share: "all worst best", in thousandths of the device. Warms up 2 s.
share_of() # PERCENT KIND NS GRID
{
	FAKE_TIMED=1 CUDA_DEVICE_SM_LIMIT=$1 form_run preload "$share" "$2" "$3" "$4" 2000 "$measure_ms"
}

note_error() # PERCENT "all worst best"
{
	echo "$2" | awk -v want="$1" '{ e = $1 / 10 - want; w = $2 / 10 - want; b = $3 / 10 - want
		printf "%.2f %.2f\n", (e < 0 ? -e : e), (-w > b ? -w : b) }' >>"$folder/errors"
}

shares()
{
	: >"$folder/errors"
	for percent in $percents; do
		for ns in 20000 1000000 50000000; do
			for grid in 1 100000; do
				said=$(share_of "$percent" kernel $ns $grid)
				echo "    $percent %, kernels of $ns ns, grid of $grid: $said"
				note_error "$percent" "$said"
			done
		done
	done
	awk '{ n += $1; if ($1 > most) most = $1; if ($2 > off) off = $2 } END { printf "%.2f %.2f %.2f\n", n / NR, most, off }' "$folder/errors" >"$folder/sum"
	read -r mean most window <"$folder/sum"
	goal "F10 error of shares, points, mean" "$mean" at-most 1.5
	goal "F10 the worst" "$most" at-most 4
	goal "F11 the worst second, points off" "$window" at-most 10
	for kind in graph cooperative ex wait; do
		goal "F12 $kind at 50, per cent" "$(share_of 50 $kind 1000000 132 | awk '{ print $1 / 10 }')" at-most 54
	done
	goal "F12 a grid beyond 32 bits at 50, per cent" "$(share_of 50 kernel 1000000 0 | awk '{ print $1 / 10 }')" at-most 54
}

# Several programs at once, each under its own limits in a container of its own unless told the same: their shares.
together() # SECONDS_BEFORE LIMITS=CONTAINER...
{
	before=$1
	shift
	rm -f "$folder/gpu" "$folder"/region* "$folder"/together.*
	i=0
	for one; do
		i=$((i + 1))
		FAKE_TIMED=1 FAKE_GPU=$folder/gpu CUDA_DEVICE_SM_LIMIT=${one%=*} CUDA_DEVICE_MEMORY_SHARED_CACHE=$folder/region${one#*=} \
			LD_PRELOAD=$build/lib/libreeve-shim.so "$share" kernel 1000000 132 "$before" "$measure_ms" >"$folder/together.$i" &
	done
	wait
	cat "$folder"/together.? | awk '{ print $1 / 10 }' | xargs
}

pairs()
{
	said=$(together 6000 30=a 60=b)
	goal "F13 30 and 60 together: $said: off by" "$(echo "$said" | awk '{ a = $1 - 30; b = $2 - 60; a = a < 0 ? -a : a; b = b < 0 ? -b : b; print (a > b ? a : b) }')" at-most 2
	said=$(together 6000 20=a 80=b)
	goal "F13 20 and 80 together: $said: off by" "$(echo "$said" | awk '{ a = $1 - 20; b = $2 - 80; a = a < 0 ? -a : a; b = b < 0 ? -b : b; print (a > b ? a : b) }')" at-most 2
	said=$(together 4000 50=a 50=a 50=a 50=a)
	goal "F13 four in one container of 50: $said: off by" "$(echo "$said" | awk '{ n = $1 + $2 + $3 + $4 - 50; print (n < 0 ? -n : n) }')" at-most 2
}

in_region() # NAME COMMAND...
{
	name=$1
	shift
	FAKE_TIMED=1 FAKE_GPU=$folder/gpu REEVE_SHIM_REGION=$folder/$name LD_PRELOAD=$build/lib/libreeve-shim.so "$@"
}

# A neighbour of 60 that works from the 4th to the 8th second beside one of 30 that may borrow, and the node between them.
loans()
{
	rm -rf "$folder/gpu" "$folder/a" "$folder/b"
	"$region" make "$folder/a" 0 300 lend
	"$region" make "$folder/b" 0 600 lend
	"$REEVE_BENCH_BIN/shim_node" "$folder/a" "$folder/b" &
	node=$!
	in_region b "$share" kernel 1000000 132 5000 2000 4000 8000 >"$folder/back" &
	neighbour=$!
	in_region a "$share" kernel 1000000 132 1000 2000 >"$folder/alone"
	wait $neighbour
	kill $node
	goal "F14 neighbour idle, per cent used" "$(awk '{ print $1 / 10 }' "$folder/alone")" at-least 95
	goal "F14 the neighbour, back for a second, per cent of its 60" "$(awk '{ print $1 / 10 }' "$folder/back")" at-least 58
}

requests()
{
	rm -f "$folder/gpu"
	form_run none env FAKE_TIMED=1 "$share" request 500000 132 1000 4000 >"$folder/alone"
	rm -rf "$folder/gpu" "$folder"/h "$folder"/l?
	"$region" make "$folder/h" 0 1000
	"$region" make "$folder/l1" 0 300
	in_region l1 "$share" kernel 1000000 132 1000 5000 >/dev/null &
	beside=$!
	in_region h "$share" request 500000 132 1500 4000 >"$folder/beside"
	wait $beside
	rm -rf "$folder/gpu" "$folder"/h "$folder"/l?
	"$region" make "$folder/h" 0 1000
	for i in 1 2 3; do
		"$region" make "$folder/l$i" 0 1000 low
	done
	"$REEVE_BENCH_BIN/shim_node" "$folder/h" "$folder/l1" "$folder/l2" "$folder/l3" &
	node=$!
	for i in 1 2 3; do
		in_region l$i "$share" kernel 1000000 132 1000 5000 >/dev/null &
	done
	in_region h "$share" request 500000 132 1500 4000 >"$folder/above"
	kill $node
	wait
	echo "    requests of 0.5 ms, alone: p50 p99 most in us: $(cat "$folder/alone")"
	goal "F15 p99 of a request beside a job of 30, us" "$(cut -d' ' -f2 "$folder/beside")" at-most 2700
	goal "F15 p99 of one above three of low priority, us" "$(cut -d' ' -f2 "$folder/above")" at-most 3000
}

storms()
{
	form_run none "$storm" kill "$REEVE_SIZE_SHIM_KILLS" >"$folder/alone" || true
	form_run preload env CUDA_DEVICE_MEMORY_LIMIT=1g "$storm" kill "$REEVE_SIZE_SHIM_KILLS" >"$folder/killed" || true
	form_run preload env CUDA_DEVICE_MEMORY_LIMIT=1g "$storm" stop "$REEVE_SIZE_SHIM_STOPS" >"$folder/stopped" || true
	echo "    the longest pair of calls without the shim, us: $(cut -d' ' -f1 "$folder/alone")"
	goal "F16 $REEVE_SIZE_SHIM_KILLS kills: the longest stall, us" "$(cut -d' ' -f1 "$folder/killed")" at-most 100000
	goal "F16 the same: bytes the books are wrong by" "$(cut -d' ' -f2 "$folder/killed")" at-most 0
	goal "F17 $REEVE_SIZE_SHIM_STOPS stops: the longest stall, us" "$(cut -d' ' -f1 "$folder/stopped")" at-most 50000
}

percents="10 50 90"
measure_ms=3000
[ "${REEVE_SIZE:-short}" = short ] || { percents="10 25 50 75 90" measure_ms=10000; }
costs
starts
shares
pairs
loans
requests
storms
echo "  F8, F9, F18, F19 are ./dev test shim: requirement checks, ways round, forks, random calls under sanitizers"
[ "$goals_missed" -eq 0 ]
