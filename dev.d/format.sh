# format: rewrite C files by .clang-format, and the pages that are generated from tables
#
# The pages are docs/errors.md from api/errors.def, and what later tables bring; lint checks that they are current.
verb_format()
{
	[ $# -eq 0 ] || die_usage format "takes no argument"
	packages_need lint
	tests/lint/tree.sh c | xargs clang-format -i
	docs/errors.sh >docs/errors.md
	say "Formatted."
}
