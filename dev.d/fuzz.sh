# fuzz [NAME] [--seconds N]: fuzz each target, or one, by libFuzzer with the sanitizers
#
# A target is tests/fuzz/fuzz_NAME.c, its corpus tests/fuzz/corpus/NAME. New inputs go to var/fuzz/NAME, so that the tree
# stays as it is; what crashed lies in var/fuzz/NAME.crash-*. ./dev test replays the corpus without clang.
verb_fuzz()
{
	fuzz_seconds=
	fuzz_wanted=
	while [ $# -gt 0 ]; do
		case $1 in
		--seconds)
			[ $# -gt 1 ] || die_usage fuzz "--seconds needs a number"
			fuzz_seconds=$2
			shift
			;;
		-*) die_usage fuzz "no option '$1'" ;;
		*) fuzz_wanted=$1 ;;
		esac
		shift
	done
	case $fuzz_seconds in
	*[!0-9]*) die_usage fuzz "--seconds needs a number, not '$fuzz_seconds'" ;;
	esac
	[ -z "$fuzz_wanted" ] || [ -f "tests/fuzz/fuzz_$fuzz_wanted.c" ] ||
		die_usage fuzz "no target '$fuzz_wanted'; there are:" "$(fuzz_names | xargs)"
	packages_need build fuzz
	state_ready
	# shellcheck source=tests/sizes.sh
	. "$root/tests/sizes.sh"
	for name in ${fuzz_wanted:-$(fuzz_names)}; do
		build_preset fuzz "fuzz_$name"
		fuzz_one "$name" "${fuzz_seconds:-$REEVE_SIZE_FUZZ_SECONDS}"
	done
}

fuzz_names()
{
	for source in tests/fuzz/fuzz_*.c; do
		[ -f "$source" ] || continue
		source=${source##*/fuzz_}
		echo "${source%.c}"
	done
}

fuzz_one() # NAME SECONDS
{
	mkdir -p "var/fuzz/$1"
	say "Fuzzing $1 for $2 s"
	"build/fuzz/tests/fuzz_$1" -max_total_time="$2" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
		-artifact_prefix="var/fuzz/$1.crash-" "var/fuzz/$1" "tests/fuzz/corpus/$1" >"var/fuzz/$1.log" 2>&1 || {
		tail -n 60 "var/fuzz/$1.log"
		die "$1 fell; the input is var/fuzz/$1.crash-*"
	}
	sed -n 's/^stat::number_of_executed_units: */  inputs: /p; s/^stat::new_units_added: */  new: /p' "var/fuzz/$1.log"
}
