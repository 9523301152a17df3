# bench [--full] [NAME]: measure against known programs on this machine, as ratios; all, or one
#
# A bench is tests/bench/NAME.sh. It runs on the release build and finds in its environment REEVE_BIN (our programs),
# REEVE_STATE (a folder to write in), REEVE_USER (whom servers run as, empty: as oneself), REEVE_PG_BIN (PostgreSQL's
# programs), REEVE_BENCH_BIN (bench_program targets of tests/bench) and REEVE_SIZE (short, or full with --full, for the rows
# of tests/sizes.sh). It exits 1 when a bound of its own is broken.
verb_bench()
{
	scripts_run bench "$@"
}
