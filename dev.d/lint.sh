# lint [--full] [RULE...]: the checks of the tree that need no build; they are part of ./dev test too
#
# Each rule is a script tests/lint/check_RULE.sh that says what it holds. --full adds those that read the code deeply,
# tests/lint/full_RULE.sh: clang-tidy and gcc -fanalyzer.
verb_lint()
{
	lint_kinds=check
	lint_rules=
	for argument; do
		case $argument in
		--full) lint_kinds="check full" ;;
		-*) die_usage lint "no option '$argument'" ;;
		*) lint_rules="$lint_rules $argument" ;;
		esac
	done
	packages_need build lint
	[ "$lint_kinds" = check ] || packages_need analyze
	REEVE_RESULTS=$(mktemp -d)
	export REEVE_RESULTS
	trap 'rm -rf "$REEVE_RESULTS"' EXIT
	lint_run
	report_end
}

lint_run()
{
	for kind in $lint_kinds; do
		for script in tests/lint/"$kind"_*.sh; do
			[ -f "$script" ] || continue
			rule=${script##*/"$kind"_}
			rule=${rule%.sh}
			case " ${lint_rules:-$rule} " in
			*" $rule "*) lint_one ;;
			esac
		done
	done
}

lint_one()
{
	lint_started=$(date +%s)
	tests/support/run_test.sh plain "lint_$rule" "$script" >/dev/null </dev/null || true
	report_test "lint_$rule" $(($(date +%s) - lint_started))
}
