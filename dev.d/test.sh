# test [--full] [PATTERN]: set-up, build with ASan and UBSan, all tests; ends with 'N passed, N failed'
#
# PATTERN is a regular expression over the names of tests (ctest -R), lint checks among them; `ctest --test-dir
# build/debug -N` lists them. --full takes the large batteries of tests/sizes.sh, clang-tidy and gcc -fanalyzer as well.
#
# Every case of a Criterion program counts as one, every other program or script as one. What failed is shown whole, what
# passed in one line. Outputs and sanitizer logs are kept in var/results. Fails when anything failed or nothing ran.
#
# What tests get in their environment:
#     REEVE_BIN      folder of the sanitized programs          REEVE_STATE    a folder of the user, for databases
#     REEVE_USER     whom servers run as; empty: as oneself    REEVE_PG_BIN   PostgreSQL's programs
#     REEVE_RESULTS  outputs and logs                          REEVE_SIZE_*   the rows of tests/sizes.sh
#     REEVE_CONTRACT_VENV  the Python environment of the contract test (dev.d/venv.sh), when it is among them
verb_test()
{
	REEVE_SIZE=short
	test_pattern=.
	for argument; do
		case $argument in
		--full) REEVE_SIZE=full ;;
		-*) die_usage test "no option '$argument'" ;;
		*) test_pattern=$argument ;;
		esac
	done
	export REEVE_SIZE
	packages_need build run test lint
	[ "$REEVE_SIZE" = short ] || packages_need analyze
	build_preset debug
	! echo contract | grep -Eq -- "$test_pattern" || venv_need
	test_environment
	test_ctest
	report_end
}

test_environment()
{
	state_environment debug test
	REEVE_RESULTS=$state/results
	export REEVE_RESULTS
	rm -rf "$REEVE_RESULTS" "$REEVE_STATE"
	run_as_user mkdir -p "$REEVE_RESULTS" "$REEVE_STATE"
	# shellcheck source=tests/sizes.sh
	. "$root/tests/sizes.sh"
}

# ctest runs them two at a time; its own lines only tell which test has ended.
test_ctest()
{
	set -- --test-dir build/debug -j2 -R "$test_pattern"
	[ "$REEVE_SIZE" = full ] || set -- "$@" -LE full
	LC_ALL=C.UTF-8 ctest "$@" 2>&1 </dev/null | test_follow
}

# "12/40 Test  #7: test_arena .......   Passed    0.05 sec"
test_follow()
{
	while IFS= read -r line; do
		case $line in
		*" Test "*"#"*": "*" sec"*) ;;
		"No tests were found"* | *"Could not find executable"* | *"Unable to find executable"*)
			warn "$line"
			continue
			;;
		*) continue ;;
		esac
		test_name=${line#*#*: }
		test_name=${test_name%% *}
		test_seconds=${line% sec*}
		test_seconds=${test_seconds##* }
		if [ ! -f "$REEVE_RESULTS/$test_name.result" ]; then
			case $line in
			*" Passed "*) continue ;; # a fixture: it sets up, and is no test itself
			esac
			test_lost "$line"
		fi
		report_test "$test_name" "$test_seconds"
	done
}

# A test that hung or was killed has left no result, and a fixture never does: what it said is in ctest's own log.
test_lost() # LINE OF CTEST
{
	test_why=${line#*"$test_name" }
	test_why=$(printf '%s' "$test_why" | sed 's/^[ .*]*//; s/ *[0-9.]* sec.*//')
	echo "fail $test_name: $test_why" >"$REEVE_RESULTS/$test_name.result"
	[ -f "$REEVE_RESULTS/$test_name.log" ] ||
		cat build/debug/Testing/Temporary/LastTest.log* 2>/dev/null | awk -v name="$test_name" '
			/^[0-9]+\/[0-9]+ Test(ing)?: / { inside = $3 == name }
			inside
		' >"$REEVE_RESULTS/$test_name.log"
}
