#!/bin/sh
# http: what the REST API costs and carries, beside nginx and pgbench on the same machine in the same minutes
#
# Every figure is taken in each of several rounds, and what is told is the median over rounds; ratios are of figures of one round. A
# busy machine moves all figures and hardly the ratios, so these decide. PostgreSQL is the server's own, durable, for both sides.
#
#     REEVE_BENCH_ROUNDS (5), REEVE_BENCH_SECONDS (3): how often, and how long each time
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
. "$root/tests/support/script/server.sh"
. "$root/tests/support/script/measure.sh"
. "$root/tests/support/script/load.sh"
rounds=${REEVE_BENCH_ROUNDS:-5}
seconds=${REEVE_BENCH_SECONDS:-3}
connections=64
clients=16
nodes=64

nginx_start()
{
	nginx_body=$(curl -sS "http://$server_plain/livez")
	run_as_user openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2 \
		-keyout "$folder/nginx.key" -out "$folder/nginx.pem" 2>/dev/null
	nginx_port=$((20000 + $$ % 10000))
	nginx_configure
	spawn nginx nginx -p "$folder" -e "$folder/nginx.err" -c "$folder/nginx.conf"
	nginx_pid=$spawn_pid
	await "nginx" curl -fs "http://127.0.0.1:$nginx_port/"
	nginx_worker=$(children_of "$nginx_pid" | head -n 1)
}

nginx_configure()
{
	run_as_user tee "$folder/nginx.conf" >/dev/null <<CONF
worker_processes 1;
daemon off;
pid $folder/nginx.own;
events { worker_connections 1024; }
http {
	access_log off;
	keepalive_requests 1000000000;
	default_type application/json;
	client_body_temp_path $folder/nginx.1; proxy_temp_path $folder/nginx.2; fastcgi_temp_path $folder/nginx.3;
	uwsgi_temp_path $folder/nginx.4; scgi_temp_path $folder/nginx.5;
	server {
		listen 127.0.0.1:$nginx_port;
		listen 127.0.0.1:$((nginx_port + 1)) ssl;
		ssl_certificate $folder/nginx.pem;
		ssl_certificate_key $folder/nginx.key;
		location / { return 200 '$nginx_body'; }
	}
}
CONF
}

round()
{
	drive nginx "$nginx_worker" "http://127.0.0.1:$nginx_port/"
	drive livez "$edge" "http://$server_plain/livez"
	drive nginx_tls "$nginx_worker" "https://127.0.0.1:$((nginx_port + 1))/"
	BENCH_TOKEN=$REEVE_TOKEN
	export BENCH_TOKEN
	drive quota "$edge" "http://$server_plain/v1/tenants/bench/quota"
	drive quota_tls "$edge" "https://$server_tls/v1/tenants/bench/quota"
	pgbench_drive pg_insert insert
	BENCH_METHOD=POST BENCH_BODY_FILE=$here/wrk/slice.json
	export BENCH_METHOD BENCH_BODY_FILE
	drive post "$edge" "http://$server_plain/v1/placements"
	await "the inbox to be empty" inbox_is_empty
	pgbench_drive pg_hot hot
	pgbench_drive pg_spread spread
	drive wait "$edge" "https://$server_tls/v1/placements?wait=5s"
	unset BENCH_TOKEN BENCH_METHOD BENCH_BODY_FILE
	await "the inbox to be empty" inbox_is_empty
}

table()
{
	printf '\n  %-58s %9s %9s %9s %9s\n' "medians of $rounds rounds of $seconds s, $(nproc) cores" requests/s 'cpu us' 'p50 ms' 'p99 ms'
	row nginx "nginx return 200, plain"
	row livez "GET /livez, plain"
	row nginx_tls "nginx return 200, TLS"
	row quota "GET quota, authorised, plain"
	row quota_tls "GET quota, authorised, TLS"
	row pg_insert "pgbench, the same inserts, $clients clients"
	row post "POST placement, pending, plain, $connections connections"
	row pg_hot "pgbench, one quota row and a grant, $clients clients"
	row pg_spread "pgbench, 1,000 quota rows and a grant, $clients clients"
	row wait "POST placement?wait=5s, TLS, $connections connections"
	echo
	printf '  %-58s %9s\n' "quota read by nginx return 200: cpu per request, plain" "$(ratio quota nginx 3)" \
		"the same over TLS" "$(ratio quota_tls nginx_tls 3)"
	echo
}

goals()
{
	goal "server cpu per GET by nginx return 200" "$(ratio livez nginx 3)" at-most 1.3
	goal "POST pending by pgbench, the same inserts" "$(ratio post pg_insert 2)" at-least 1.0
	goal "POST ?wait=5s by pgbench on one row" "$(ratio wait pg_hot 2)" at-least 2
	goal "POST ?wait=5s by pgbench on 1,000 rows" "$(ratio wait pg_spread 2)" at-least 0.7
	printf '  %-66s %10.0f  of 5,000 wanted\n' "POST ?wait=5s, requests per second" "$(column wait 2 | median)"
}

server_init bench-http
server_start --edges 1
fleet_start
edge=$(server_process edge)
nginx_start
yardstick_make
while [ "$rounds" -gt "$(column wait 2 | wc -l)" ]; do
	round
	printf '  round %s of %s\n' "$(column wait 2 | wc -l)" "$rounds"
done
honesty
table
goals
[ $goals_missed -eq 0 ] || exit 1
