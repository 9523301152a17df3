# chaos [--full] [NAME]: kill, cut and fill what runs, at random moments, and look whether the books still balance
#
# A torment is tests/chaos/NAME.sh; the environment is that of ./dev bench. ./dev test runs the short ones as tests, --full takes
# the large sizes of tests/sizes.sh.
verb_chaos()
{
	scripts_run chaos "$@"
}
