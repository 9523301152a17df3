# build [PROGRAM...]: the release build, all programs in build/release/bin
#
# Installs the packages it lacks first. A build that failed shows the compiler's words; all output is in
# build/release/build.log.
verb_build()
{
	packages_need build
	build_preset release "$@"
	say "Programs are in build/release/bin:" "$(find build/release/bin -type f -printf '%f\n' 2>/dev/null | sort | xargs)"
}

build_preset() # PRESET [TARGET...]: configures when needed, then builds
{
	build_dir=build/$1
	build_name=$1
	shift
	mkdir -p "$build_dir"
	build_forget_moved
	if [ ! -f "$build_dir/build.ninja" ]; then
		say "Configuring $build_dir"
		cmake --preset "$build_name" >"$build_dir/configure.log" 2>&1 || {
			cat "$build_dir/configure.log" >&2
			die "could not configure $build_dir"
		}
	fi
	build_started=$(date +%s)
	rm -f "$build_dir/failed"
	{ NINJA_STATUS='[%f/%t] ' ninja -C "$build_dir" "$@" 2>&1 || : >"$build_dir/failed"; } |
		tee "$build_dir/build.log" | build_progress "$build_dir"
	[ ! -e "$build_dir/failed" ] || die "$build_dir did not build"
	say "Built $build_dir in $(($(date +%s) - build_started)) s"
}

# A checkout that was copied or moved brings a cache that names its old place.
build_forget_moved()
{
	[ -f "$build_dir/CMakeCache.txt" ] || return 0
	grep -qxF "CMAKE_HOME_DIRECTORY:INTERNAL=$root" "$build_dir/CMakeCache.txt" || {
		rm -rf "$build_dir"
		mkdir -p "$build_dir"
	}
}

# Of ninja's lines: one in a quarter of the way when there is much to do, and all that is not progress.
build_progress() # DIR
{
	build_next=25
	while IFS= read -r line; do
		case $line in
		"["*/*"] "*)
			build_done=${line%%/*}
			build_done=${build_done#?}
			build_total=${line#*/}
			build_total=${build_total%%]*}
			[ "$build_total" -ge 20 ] || continue
			if [ $((build_done * 100 / build_total)) -ge "$build_next" ]; then
				say "  $build_done of $build_total"
				build_next=$((build_done * 100 / build_total / 25 * 25 + 25))
			fi
			;;
		"-- "* | "ninja: Entering"* | "ninja: no work"* | /usr/bin/cc\ * | ": && "* | /usr/bin/clang\ * | "") ;;
		*) say "$line" ;;
		esac
	done
}
