# The Debian packages that each purpose needs. This table is the one place that names them; docs/dependencies.md says why.
packages_table()
{
	cat <<'TABLE'
build    gcc libc6-dev cmake ninja-build pkgconf
build    libevent-dev libssl-dev libcurl4-openssl-dev libjansson-dev libyaml-dev libpq-dev libcjose-dev
build    libnghttp2-dev libprotobuf-c-dev protobuf-c-compiler
run      postgresql openssl curl
test     libcriterion-dev libhttp-parser-dev
test     podman runc python3-grpcio chromium-headless-shell
contract python3 python3-venv
lint     clang-format universal-ctags shellcheck
analyze  clang clang-tidy
fuzz     clang llvm libclang-rt-dev libhttp-parser-dev
bench    nginx wrk
TABLE
}

packages_of() # PURPOSE...
{
	for purpose; do
		packages_table | awk -v purpose="$purpose" '$1 == purpose { for (i = 2; i <= NF; i++) print $i }'
	done | sort -u
}

packages_missing() # PURPOSE...
{
	packages_of "$@" | while read -r package; do
		state=$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) || state=
		[ "$state" = installed ] || echo "$package"
	done
}

# Installs what the purposes lack, and does not touch the network when they lack nothing.
packages_need() # PURPOSE...
{
	if ! command -v dpkg-query >/dev/null; then
		warn "this is not Debian: nothing is installed; the packages would be:" "$(packages_of "$@" | xargs)"
		return 0
	fi
	packages_wanted=$(packages_missing "$@" | xargs)
	[ -n "$packages_wanted" ] || return 0
	packages_become_root
	mkdir -p build
	say "Installing $packages_wanted (log: build/packages.log)"
	packages_failed=false
	packages_install build/packages.log || packages_failed=true
	packages_wanted=$(packages_missing "$@" | xargs)
	if [ -n "$packages_wanted" ]; then
		tail -n 15 build/packages.log >&2
		die "could not install: $packages_wanted. With a network, run: apt-get install $packages_wanted"
	fi
	[ "$packages_failed" = false ] || warn "apt-get complained, but all is there; see build/packages.log"
}

packages_become_root()
{
	packages_sudo=
	user_is_root && return 0
	command -v sudo >/dev/null ||
		die "not root, and there is no sudo. As root, run: apt-get install $packages_wanted"
	packages_sudo=sudo
	[ -t 0 ] || packages_sudo="sudo -n"
	$packages_sudo true || die "sudo refused. As root, run: apt-get install $packages_wanted"
}

packages_install() # LOG
(
	packages_hold_services
	trap packages_free_services EXIT
	trap 'exit 130' INT TERM HUP
	$packages_sudo apt-get -q update >"$1" 2>&1 || true
	# shellcheck disable=SC2086 # the list is meant to be split
	$packages_sudo env DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
		-o DPkg::Lock::Timeout=300 -o Dpkg::Options::=--force-confold install $packages_wanted >>"$1" 2>&1 </dev/null
)

# A server that arrives for tests and benches must not run on this machine: no service starts while packages are set up,
# PostgreSQL makes no system cluster, and nginx does not come up at the next boot.
packages_policy=/usr/sbin/policy-rc.d
packages_cluster=/etc/postgresql-common/createcluster.d/reeve-dev.conf

packages_hold_services()
{
	packages_made_policy=false
	if [ ! -e $packages_policy ]; then
		printf '#!/bin/sh\n# Made by ./dev while it installs packages, and removed afterwards.\nexit 101\n' |
			$packages_sudo sh -c "cat >$packages_policy && chmod 755 $packages_policy"
		packages_made_policy=true
	fi
	$packages_sudo mkdir -p "${packages_cluster%/*}"
	echo 'create_main_cluster = false' | $packages_sudo sh -c "cat >$packages_cluster"
	packages_had_nginx=false
	[ ! -e /usr/sbin/nginx ] || packages_had_nginx=true
}

packages_free_services()
{
	$packages_sudo rm -f $packages_cluster
	dpkg-query -S "${packages_cluster%/*}" >/dev/null 2>&1 ||
		$packages_sudo rmdir -p --ignore-fail-on-non-empty "${packages_cluster%/*}" 2>/dev/null || true
	[ "$packages_made_policy" = false ] || $packages_sudo rm -f $packages_policy
	if [ "$packages_had_nginx" = false ] && [ -e /usr/sbin/nginx ] && command -v systemctl >/dev/null; then
		$packages_sudo systemctl disable --quiet nginx 2>/dev/null || true
	fi
}
