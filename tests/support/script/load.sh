# A fleet and a load that benches of the server share: wrk on one side, pgbench on the server's own PostgreSQL on the other.
#
# To be sourced behind server.sh and measure.sh, with here (the folder of benches), connections, clients, nodes and seconds set.
# Figures gather in $folder/figures, a line a stretch: NAME requests-per-s cpu-us-per-request p50-ms p99-ms failed.

# A cluster of big nodes without hardware, that holds more slices than a run can ask for.
fleet_start()
{
	call PUT /v1/device-classes/bench-80g '{"vendor":"bench","memory_mib":81920,"slots":1000}' -H 'If-None-Match: *' >/dev/null
	call POST /v1/tenants '{"name":"bench"}' >/dev/null
	call PUT /v1/tenants/bench/quota '{"models":{"bench-80g":{"limit":{"device_milli":1000000000,"memory_mib":1000000000}}}}' \
		-H "If-Match: $(fleet_quota_tag)" >/dev/null
	fleet_token=$(call POST /v1/clusters '{"name":"bench","accept":true}' | json_value join_token)
	run_as_user mkdir -p "$folder/agent"
	fleet_scene | run_as_user tee "$folder/agent/scene.json" >/dev/null
	spawn agent env REEVE_JOIN_TOKEN="$fleet_token" "$REEVE_BIN/reeve-agent" --server "$REEVE_URL" --ca "$REEVE_CA" \
		--state-dir "$folder/agent" --simulate "$folder/agent/scene.json"
	agent_pid=$spawn_pid
	await "the fleet to be known" fleet_is_known
}

fleet_quota_tag()
{
	call GET /v1/tenants/bench/quota '' -o /dev/null -D - | sed -n 's/^[Ee][Tt]ag: *\([^ ]*\)\r*$/\1/p' | tr -d '\r'
}

fleet_scene()
{
	awk -v nodes="$nodes" 'BEGIN {
		printf "{\"cluster_uid\":\"bench\",\"nodes\":["
		for (i = 1; i <= nodes; i++)
			printf "%s{\"name\":\"n%d\",\"cpu_milli\":10000000,\"memory_mib\":100000000,\"pods\":100000,\"devices\":[" \
				"{\"product\":\"Bench 80G\",\"class\":\"bench-80g\",\"memory_mib\":81920,\"count\":8,\"slots\":1000}]}",
				(i > 1 ? "," : ""), i
		print "],\"pods\":{\"start_ms\":0,\"runtime_ms\":0,\"usage_interval_ms\":600000}}"
	}'
}

fleet_is_known()
{
	is_running "$agent_pid" || fail "the agent ended: $(tail -n 2 "$folder/agent.log")"
	[ "$(call GET /v1/clusters/bench | json_value devices)" = $((nodes * 8)) ]
}

# One stretch of wrk with a script of here/wrk: a line "NAME requests-per-s cpu-us-per-request p50-ms p99-ms failed".
drive() # NAME PID URL [SCRIPT]
{
	drive_cpu=$(cpu_us "$2")
	drive_said=$(wrk -t1 -c"$connections" -d"${seconds}s" --timeout 10s -s "$here/wrk/${4:-call.lua}" "$3")
	drive_cpu=$(($(cpu_us "$2") - drive_cpu))
	printf '%s\n' "$drive_said" | awk -v name="$1" -v cpu=$drive_cpu '/^WRK/ {
		printf "%s %.0f %.2f %.2f %.2f %d\n", name, $2 * 1e6 / $3, cpu / $2, $4 / 1000, $5 / 1000, $6
		seen = 1
	} END { exit !seen }' >>"$folder/figures"
}

# A database that has run for a day writes its log into files that are there; a new one makes each of 16 MiB first, in the middle of
# somebody's commit, 60 to 100 ms long.
log_files_make()
{
	server_sql "SELECT count(pg_logical_emit_message(false, 'bench', repeat('x', 1048576))) FROM generate_series(1, 520)" >/dev/null
	server_sql CHECKPOINT
}

yardstick_make()
{
	log_files_make
	body_sample=$(cat "$here/wrk/slice.json")
	for yardstick in make insert hot spread; do
		run_as_user tee "$folder/$yardstick.sql" <"$here/pgbench/$yardstick.sql" >/dev/null
	done
	server_sql "$(cat "$folder/make.sql")"
	: >"$folder/figures"
}

# One stretch of pgbench on the server's own PostgreSQL.
pgbench_drive() # NAME SCRIPT
{
	run_as_user "$REEVE_PG_BIN/pgbench" -n -M prepared -c "$clients" -j 1 -T "$seconds" \
		-D body="$body_sample" -f "$folder/$2.sql" "$(server_dsn)" 2>&1 | awk -v name="$1" '
		/^tps/ { printf "%s %.0f 0 0 0 0\n", name, $3; seen = 1 } END { exit !seen }' >>"$folder/figures"
}

# The same at about 1,000 transactions a second, with what one of them takes: what the machine itself lets nobody do faster.
pgbench_pace() # NAME SCRIPT
{
	run_as_user sh -c 'cd "$1" && shift && exec "$@"' sh "$folder" "$REEVE_PG_BIN/pgbench" -n -M prepared -c "$clients" -j 1 -T "$seconds" -R 1000 \
		-l --log-prefix=pace -D body="$body_sample" -f "$folder/$2.sql" "$(server_dsn)" >/dev/null 2>&1
	cat "$folder"/pace.* | sort -n -k3,3 | awk -v name="$1" -v seconds="$seconds" '
		{ us[NR] = $3 }
		END { printf "%s %.0f 0 %.2f %.2f 0\n", name, NR / seconds, us[int(NR * 0.5) + 1] / 1000, us[int(NR * 0.99) + 1] / 1000; exit !NR }' >>"$folder/figures"
	rm -f "$folder"/pace.*
}

inbox_is_empty()
{
	[ "$(server_sql 'SELECT count(*) FROM inbox')" -eq 0 ]
}

column() # NAME COLUMN: of all rounds
{
	awk -v name="$1" -v column="$2" '$1 == name { print $column }' "$folder/figures"
}

# The median over rounds of figure A by figure B, both of column COLUMN.
ratio() # A B COLUMN
{
	column "$1" "$3" >"$folder/a"
	column "$2" "$3" >"$folder/b"
	paste "$folder/a" "$folder/b" | awk '{ print $1 / $2 }' | median | awk '{ printf "%.2f\n", $1 }'
}

row() # NAME TEXT
{
	printf '  %-58s %9.0f %9s %9s %9s\n' "$2" "$(column "$1" 2 | median)" "$(row_figure "$1" 3)" "$(row_figure "$1" 4)" \
		"$(row_figure "$1" 5)"
}

row_figure() # NAME COLUMN
{
	column "$1" "$2" | median | awk '{ if ($1 > 0) printf "%.2f", $1; else printf "-" }'
}

# What was measured was also done: no request failed, every placement was decided, and the books hold.
honesty()
{
	failed=$(awk '{ n += $6 } END { print n + 0 }' "$folder/figures")
	[ "$failed" -eq 0 ] || fail "$failed requests failed"
	waiting=$(server_sql "SELECT count(*) FROM placement WHERE granted_at IS NULL")
	[ "$waiting" -eq 0 ] || fail "$waiting placements were not granted: the fleet was too small, or not open"
	call GET /v1/audit:verify | grep -q '"is_intact":true' || fail "the books do not hold"
}
