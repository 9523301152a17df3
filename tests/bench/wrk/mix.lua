-- Many kinds of requests in turn, most good and some refused: what a server meets in its life. Ends with the line of call.lua.
-- Placements are refused at once for want of devices, so that the fleet's state does not grow with them.
local auth = { ["Authorization"] = "Bearer " .. os.getenv("BENCH_TOKEN") }
local json = { ["Authorization"] = auth["Authorization"], ["Content-Type"] = "application/json" }
local place = '{"tenant":"bench","queue":false,"devices":[{"count":1,"memory_mib":1024}]}'
local kinds = {
	{ "GET", "/livez" },
	{ "GET", "/readyz" },
	{ "GET", "/v1/tenants/bench/quota", auth },
	{ "GET", "/v1/tenants/bench", auth },
	{ "GET", "/v1/placements?tenant=bench&limit=5", auth },
	{ "GET", "/v1/tenants", auth },
	{ "POST", "/v1/placements", json, place },
	{ "GET", "/v1/whoami", auth },
	{ "GET", "/v1/tenants/bench/quota" },
	{ "GET", "/v1/tenants/nobody", auth },
	{ "POST", "/v1/placements", json, '{"tenant":"bench","devices":[{"count":0.5}]}' },
	{ "POST", "/v1/placements", json, '{"tenant":"bench","tenant":"bench"' },
	{ "GET", "/v1/placements?colour=red", auth },
	{ "GET", "/nowhere", auth },
	{ "PATCH", "/livez" },
	{ "GET", "/v1/device-classes", auth },
}
local texts, turn = {}, 0

function init()
	for i, k in ipairs(kinds) do
		texts[i] = wrk.format(k[1], k[2], k[3], k[4])
	end
end

function request()
	turn = turn % #texts + 1
	return texts[turn]
end

function done(summary, latency)
	local e = summary.errors
	print(string.format("WRK %d %d %d %d %d", summary.requests, summary.duration, latency:percentile(50),
		latency:percentile(99), e.connect + e.read + e.write + e.timeout))
end
