# The user that servers run as.
#
# PostgreSQL refuses to run as root, and rightly. When ./dev runs as root, such programs get the system user `reeve`: a uid
# of its own, so that nothing else on the machine may read the database or signal it (the shared `nobody` cannot promise
# that), and the name that deploy/systemd uses as well. When ./dev does not run as root, they run as whoever calls.
user_name=reeve

user_is_root()
{
	[ "$(id -u)" -eq 0 ]
}

# Makes the user when root and absent; otherwise nothing.
user_ready()
{
	user_is_root || return 0
	if ! getent passwd "$user_name" >/dev/null; then
		useradd --system --user-group --no-create-home --home-dir /nonexistent --shell /usr/sbin/nologin "$user_name" ||
			die "could not make the system user '$user_name', and PostgreSQL does not run as root"
	fi
	setpriv --reuid="$user_name" --regid="$user_name" --init-groups true ||
		die "may not become the user '$user_name' here, and PostgreSQL does not run as root"
}

run_as_user() # COMMAND...: with the caller's environment and no way back to root; paths are absolute: when root, it starts in /
{
	(become_user "$@")
}

become_user() # COMMAND...: the same, in place of this shell
{
	if user_is_root; then
		exec setpriv --reuid="$user_name" --regid="$user_name" --init-groups --no-new-privs --inh-caps=-all -- \
			env --chdir=/ HOME=/nonexistent USER="$user_name" LOGNAME="$user_name" "$@"
	else
		exec "$@"
	fi
}

user_owns() # the name that files of such programs belong to
{
	if user_is_root; then
		echo "$user_name"
	else
		id -un
	fi
}
