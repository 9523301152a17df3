# clean: remove build/ and var/, and what var/ links to
#
# Refuses while a server that was started here still runs on var/. Installed packages stay.
verb_clean()
{
	[ $# -eq 0 ] || die_usage clean "takes no argument"
	! state_is_busy || die "a PostgreSQL of this checkout still runs on var/; stop what started it first"
	if [ -L var ]; then
		clean_target=$(readlink var)
		case $clean_target in
		/var/tmp/reeve-*) rm -rf "$clean_target" ;;
		esac
	fi
	rm -rf build var
	say "Removed build/ and var/."
}
