#!/bin/sh
# usage: sees_reports.sh RUN_TEST PLANTED_LEAK PLANTED_CHILD
#
# run_test.sh must count each planted case and turn red for the two programs whose sanitizers complained in vain.
set -eu
run_test=$1
REEVE_RESULTS=$(mktemp -d)
export REEVE_RESULTS
trap 'rm -rf "$REEVE_RESULTS"' EXIT

expect() # PATTERN FILE
{
	grep -q "$1" "$REEVE_RESULTS/$2" || {
		echo "no '$1' in $2:"
		cat "$REEVE_RESULTS/$2"
		exit 1
	}
}

if "$run_test" criterion leak "$2" >/dev/null; then
	echo "the wrapper passed a program with a leak"
	exit 1
fi
expect '^pass planted::leak_passes_by_itself$' leak.result
expect '^fail leak: .*LeakSanitizer' leak.result
expect '^fail planted::failure$' leak.result
expect '^fail planted::crash$' leak.result
expect '^skip planted::skip: a planted skip$' leak.result

if "$run_test" criterion leak "$2" --filter 'planted/leak*' >/dev/null; then
	echo "the wrapper passed a leak that no other failure went with"
	exit 1
fi

if "$run_test" plain child "$3" >/dev/null; then
	echo "the wrapper passed a program whose child read freed memory"
	exit 1
fi
expect '^fail child: .*heap-use-after-free' child.result
