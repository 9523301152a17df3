-- Placements for one cluster after the other, BENCH_CLUSTERS of them, each connection pausing BENCH_PACE_MS; ends with the line of
-- call.lua.
local n, at = tonumber(os.getenv("BENCH_CLUSTERS")), 0
local pace_ms = tonumber(os.getenv("BENCH_PACE_MS"))
local head = { ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN"), ["Content-Type"] = "application/json" }
local step = 7919 -- prime to the number of clusters

function request()
	at = (at + step) % n
	return wrk.format("POST", nil, head, string.format(
		'{"tenant":"bench","clusters":["c%05d"],"devices":[{"count":1,"memory_mib":16,"compute_milli":1}],"host":{"cpu_milli":1,"memory_mib":1}}',
		at + 1))
end

function delay()
	return pace_ms
end

function done(summary, latency)
	local e = summary.errors
	print(string.format("WRK %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
		latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
