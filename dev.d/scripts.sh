# The scripts of a folder of tests/ that measure or torment the release build: bench and chaos.

scripts_names() # FOLDER
{
	for script in tests/"$1"/*.sh; do
		[ -f "$script" ] || continue
		script=${script##*/}
		echo "${script%.sh}"
	done
}

scripts_run() # FOLDER [--full] [NAME]
{
	scripts_folder=$1
	shift
	REEVE_SIZE=short
	if [ "${1:-}" = --full ]; then
		REEVE_SIZE=full
		shift
	fi
	export REEVE_SIZE
	[ $# -le 1 ] || die_usage "$scripts_folder" "one name at most"
	[ $# -eq 0 ] || [ -f "tests/$scripts_folder/$1.sh" ] ||
		die_usage "$scripts_folder" "no '$1'; there are:" "$(scripts_names "$scripts_folder" | xargs)"
	[ -n "$(scripts_names "$scripts_folder")" ] || die "tests/$scripts_folder holds no script"
	packages_need build run bench
	build_preset release
	build_preset release bench_programs
	state_environment release "$scripts_folder"
	REEVE_BENCH_BIN=$root/build/release/bench
	export REEVE_BENCH_BIN
	scripts_status=0
	for name in ${1:-$(scripts_names "$scripts_folder")}; do
		say "$scripts_folder $name"
		"tests/$scripts_folder/$name.sh" || {
			warn "$scripts_folder $name failed"
			scripts_status=1
		}
	done
	return $scripts_status
}
