-- Placements for the leaves of a tree in turn, each another; ends with the line of call.lua. BENCH_PACE_MS: the mean pause of a connection
-- between an answer and its next request. Pauses are drawn (exponential), as of callers that know nothing of each other: with one length
-- for all, those that one commit answers would all come again at once, and what is measured were bursts.
local kinds, at = tonumber(os.getenv("BENCH_LEAVES")), 0
local pace_ms = tonumber(os.getenv("BENCH_PACE_MS") or "0")
local head = { ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN"), ["Content-Type"] = "application/json" }
local step = 7919 -- prime to the number of leaves: neighbours in time are none in the tree

local function path(i)
	return string.format("t%d/u%d/v%d/w%d", i % 9, math.floor(i / 9) % 10, math.floor(i / 90) % 10, math.floor(i / 900) % 10)
end

function request()
	at = (at + step) % kinds
	return wrk.format("POST", nil, head, string.format(
		'{"tenant":"%s","devices":[{"count":1,"memory_mib":16,"compute_milli":1}],"host":{"cpu_milli":1,"memory_mib":1}}', path(at)))
end

if pace_ms > 0 then
	math.randomseed(42)
	function delay()
		return math.floor(-pace_ms * math.log(1 - math.random()) + 0.5)
	end
end

function done(summary, latency)
	local e = summary.errors
	print(string.format("WRK %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
		latency:percentile(99), e.status + e.connect + e.read + e.write + e.timeout))
end
