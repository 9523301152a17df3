#!/bin/sh
# usage: run_test.sh criterion|plain NAME PROGRAM [ARGUMENT...]
#
# Runs one test program, keeps its output and writes what came of it to $REEVE_RESULTS/NAME.result, a line each:
#     pass CASE | fail CASE | skip CASE: REASON
# Exit: 0 all passed, 77 the program was skipped as a whole, 1 anything else.
#
# A test whose sanitizers wrote a log has failed, whatever it says itself: Criterion passes a test that leaked, and so does
# everything else that does not look at the exit status of each child. The logs of all processes below the test count.
set -eu
kind=$1
name=$2
shift 2
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
results=${REEVE_RESULTS:-${TMPDIR:-/tmp}/reeve-results-$(id -u)}
mkdir -p "$results"
result=$results/$name.result
log=$results/$name.log
tap=$results/$name.tap
sanitizer=$results/$name.sanitizer
rm -f "$result" "$log" "$tap" "$sanitizer".*

# shellcheck source=tests/sizes.sh
. "$here/../sizes.sh"
options="log_path='$sanitizer':print_stacktrace=1"
export ASAN_OPTIONS="$options:detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1"
export UBSAN_OPTIONS="$options"
export LSAN_OPTIONS="suppressions='$here/lsan.supp':print_suppressions=0"

run_criterion()
{
	status=0
	"$@" -j2 --color=never --tap="$tap" >"$log" 2>&1 || status=$?
	touch "$tap"
	# ok - suite::case  (0.00s)   |   not ok - suite::case words   |   ok - suite::case  # SKIP reason
	awk '
		/^ok - .*# SKIP/  { at = index($0, "# SKIP"); print "skip " $3 ": " substr($0, at + 7); next }
		/^ok - /          { print "pass " $3; next }
		/^not ok - /      { print "fail " $4 }
	' "$tap" >"$result.part"
	if ! [ -s "$result.part" ]; then
		echo "fail $name: no case ran" >>"$result.part"
	elif [ "$status" -ne 0 ] && ! grep -q '^fail' "$result.part"; then
		echo "fail $name: exit status $status" >>"$result.part"
	fi
}

run_plain()
{
	status=0
	"$@" >"$log" 2>&1 || status=$?
	case $status in
	0) echo "pass $name" ;;
	77) echo "skip $name: $(tail -n 1 "$log")" ;;
	*) echo "fail $name" ;;
	esac >"$result.part"
}

add_sanitizer_reports()
{
	for report in "$sanitizer".*; do
		[ -s "$report" ] || continue
		cat "$report" >>"$log"
		[ "$kind" = criterion ] || : >"$result.part"
		echo "fail $name: $(grep -m 1 -E 'ERROR:|runtime error:|WARNING:' "$report" || echo 'a sanitizer report')"
		break
	done >>"$result.part"
}

"run_$kind" "$@"
add_sanitizer_reports
mv "$result.part" "$result"
if grep -q '^fail' "$result"; then
	cat "$log"
	exit 1
fi
if ! grep -q '^pass' "$result"; then
	exit 77
fi
