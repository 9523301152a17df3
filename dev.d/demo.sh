# demo [--once] [--port N]: three simulated clusters under one server, live; --once runs to its end and checks itself
#
# Installs and builds what is missing and starts all of it as an unprivileged user, with its files in var/demo. Ctrl-C
# stops everything that it started. Port 0 stands for any that is free; without --port it is 8443.
#
# While it runs, var/demo/env tells a shell where the server is:
#     . var/demo/env
#     curl --cacert "$REEVE_CA" --oauth2-bearer $REEVE_TOKEN $REEVE_URL/v1/clusters
verb_demo()
{
	demo_port=8443
	demo_once=
	while [ $# -gt 0 ]; do
		case $1 in
		--once) demo_once=--once ;;
		--port)
			[ $# -gt 1 ] || die_usage demo "--port needs a number"
			demo_port=$2
			shift
			;;
		*) die_usage demo "no argument '$1'" ;;
		esac
		shift
	done
	case $demo_port in
	'' | *[!0-9]* | ??????*) die_usage demo "--port needs a number, not '$demo_port'" ;;
	esac
	packages_need build run
	build_preset release
	state_environment release demo
	state_console
	demo_edition=$(cat migrations/*.up.sql | cksum | tr ' ' -)
	become_user "$programs/reeve" demo --state "$REEVE_STATE" --bin "$programs" --web-dir "$console" \
		--pg-bin "$REEVE_PG_BIN" --demo-listen "127.0.0.1:$demo_port" --edition "$demo_edition" ${demo_once:+"$demo_once"}
}
