# How ./dev speaks: one line, to the point; what went wrong goes to standard error.

say()
{
	printf '%s\n' "$*"
}

warn()
{
	printf 'dev: %s\n' "$*" >&2
}

die()
{
	warn "$*"
	exit 1
}

die_usage() # VERB WHY...
{
	die_verb=$1
	shift
	warn "$die_verb: $*; see ./dev $die_verb --help"
	exit 2
}
