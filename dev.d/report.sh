# What came of tests, from the files that tests/support/run_test.sh leaves in $REEVE_RESULTS.

report_count() # KIND FILE...
{
	report_kind=$1
	shift
	cat /dev/null "$@" 2>/dev/null | grep -c "^$report_kind " || true
}

report_test() # NAME SECONDS: one line when it passed, everything when not; each skip with its reason
{
	report_file=$REEVE_RESULTS/$1.result
	report_passed=$(report_count pass "$report_file")
	if grep -q '^fail ' "$report_file"; then
		say "FAIL  $1"
		sed -n 's/^fail /      failed: /p' "$report_file"
		[ ! -f "$REEVE_RESULTS/$1.log" ] || sed 's/^/      | /' "$REEVE_RESULTS/$1.log"
	elif [ "$report_passed" -gt 1 ]; then
		say "ok    $1 ($report_passed cases, $2 s)"
	elif [ "$report_passed" -eq 1 ]; then
		say "ok    $1 ($2 s)"
	fi
	sed -n 's/^skip /skip  /p' "$report_file"
}

# The closing line, and the exit status: failed when anything did, or when nothing ran.
report_end()
{
	report_failed=$(report_count fail "$REEVE_RESULTS"/*.result)
	report_passed=$(report_count pass "$REEVE_RESULTS"/*.result)
	report_skipped=$(report_count skip "$REEVE_RESULTS"/*.result)
	if [ "$report_failed" -gt 0 ]; then
		say "Failed:"
		grep -h '^fail ' "$REEVE_RESULTS"/*.result | sed 's/^fail /  /'
	fi
	report_line="$report_passed passed, $report_failed failed"
	[ "$report_skipped" -eq 0 ] || report_line="$report_line, $report_skipped skipped"
	[ $((report_passed + report_failed)) -gt 0 ] || warn "nothing ran"
	say "$report_line"
	[ "$report_failed" -eq 0 ] && [ "$report_passed" -gt 0 ]
}
