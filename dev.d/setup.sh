# setup [PURPOSE...]: install the Debian packages of each purpose (default: build run test lint)
#
# Purposes are the first column of the table in dev.d/packages.sh. Only what is missing is installed, with apt-get when
# root and with sudo otherwise. When nothing is missing, nothing is run and no network is needed.
verb_setup()
{
	[ $# -gt 0 ] || set -- build run test lint
	for purpose; do
		[ -n "$(packages_of "$purpose")" ] ||
			die_usage setup "no purpose '$purpose'; there are:" "$(packages_table | awk '{ print $1 }' | sort -u | xargs)"
	done
	packages_need "$@"
	say "All packages for $* are there."
}
