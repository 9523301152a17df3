# The folder where what ./dev starts keeps its files: databases, sockets, logs. It is var/ in the checkout.
#
# Two things make var/ a link to a folder below /var/tmp instead: a checkout that the user of user.sh cannot reach (below
# root's home, say), and a path so long that a unix socket in it would not fit the kernel's 107 bytes.
state_path_max=60

# Makes the folder and sets $state to its real path.
state_ready()
{
	user_ready
	state=$(state_place)
	if [ "$state" = "$root/var" ]; then
		[ ! -L "$root/var" ] || rm -f "$root/var"
		mkdir -p "$state"
	else
		state_link
	fi
	! user_is_root || chown "$user_name:" "$state"
	run_as_user test -w "$state" ||
		die "$state belongs to $(stat -c %U "$state") and $(user_owns) cannot write there; remove it or run as before"
}

state_place()
{
	if [ ${#root} -le $state_path_max ] && run_as_user test -x "$root"; then
		echo "$root/var"
	else
		echo "/var/tmp/reeve-$(printf '%s %s' "$(id -u)" "$root" | cksum | cut -d ' ' -f 1)"
	fi
}

state_link()
{
	if [ ! -e "$state" ]; then
		mkdir -m 0700 "$state"
		state_why="$(user_owns) cannot reach the checkout"
		[ ${#root} -le $state_path_max ] || state_why="the checkout's path is too long for a socket in it"
		say "State is kept in $state, linked from var/: $state_why."
	fi
	state_owner=$(stat -c %U "$state")
	[ ! -L "$state" ] && { [ "$state_owner" = "$(user_owns)" ] || [ "$state_owner" = "$(id -un)" ]; } ||
		die "$state is not ours (it belongs to $state_owner); remove it first"
	if [ -d "$root/var" ] && [ ! -L "$root/var" ]; then
		rmdir "$root/var" 2>/dev/null || die "$root/var cannot be reached by $(user_owns); move it away first"
	fi
	ln -sfn "$state" "$root/var"
}

# Sets $programs to a folder with the programs of a build (release, debug) that the user can run: copies, where the
# checkout cannot be reached.
state_programs() # PRESET
{
	programs=$root/build/$1/bin
	run_as_user test -x "$programs" && return 0
	mkdir -p "$state/bin-$1"
	for program in "$programs"/*; do
		[ -f "$program" ] || continue
		cmp -s "$program" "$state/bin-$1/${program##*/}" ||
			install -m 0755 "$program" "$state/bin-$1/${program##*/}"
	done
	programs=$state/bin-$1
}

# Sets $console to a folder with the console's files that the user can read: a copy, where the checkout cannot be reached.
state_console()
{
	console=$root/web-static
	run_as_user test -r "$console/index.html" && return 0
	rm -rf "$state/web-static"
	[ -d "$root/web-static" ] && cp -R "$root/web-static" "$state/web-static" || mkdir "$state/web-static"
	chmod -R a+rX "$state/web-static"
	console=$state/web-static
}

# Exports what tests, benches and the demo need to know: where programs are, where to write, whom to run as.
state_environment() # PRESET FOLDER
{
	state_ready
	state_programs "$1"
	REEVE_BIN=$programs
	REEVE_STATE=$state/$2
	REEVE_PG_BIN=$(state_postgres)
	REEVE_USER=
	! user_is_root || REEVE_USER=$user_name
	export REEVE_BIN REEVE_STATE REEVE_PG_BIN REEVE_USER
	run_as_user mkdir -p "$REEVE_STATE"
}

# The newest PostgreSQL's programs; reeved finds them by itself, tests and benches by this.
state_postgres()
{
	for postgres in /usr/lib/postgresql/*/bin; do
		echo "${postgres#/usr/lib/postgresql/}"
	done | sort -n | tail -n 1 | sed 's|^|/usr/lib/postgresql/|'
}

# A running server keeps its folder: whoever wants to remove it is told first.
state_is_busy()
{
	[ -d "$root/var" ] || return 1
	find "$root/var/" -name postmaster.pid -exec head -n 1 {} \; 2>/dev/null | {
		while read -r pid; do
			[ ! -d "/proc/$pid" ] || exit 0
		done
		exit 1
	}
}
