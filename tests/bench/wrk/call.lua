-- One request over and over, as the environment has it; ends with a line that scripts read:
--     WRK <requests> <microseconds> <p50 us> <p99 us> <failed>
wrk.method = os.getenv("BENCH_METHOD") or "GET"
local body_file = os.getenv("BENCH_BODY_FILE")
if body_file then
	wrk.body = io.open(body_file):read("*a")
	wrk.headers["Content-Type"] = "application/json"
end
local token = os.getenv("BENCH_TOKEN")
if token then
	wrk.headers["Authorization"] = "Bearer " .. token
end

function done(summary, latency)
	local e = summary.errors
	print(string.format("WRK %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
		latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
