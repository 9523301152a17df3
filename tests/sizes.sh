# How large each battery of tests is: the short one of every ./dev test, the full one of ./dev test --full.
#
# Sourced with REEVE_SIZE=short or full (default short); exports REEVE_SIZE_NAME for each row. A C test reads a row with
# size_get("NAME") of tests/support/size.h, a shell test as $REEVE_SIZE_NAME.
sizes_table()
{
	cat <<'TABLE'
# name              short      full   what
FUZZ_RUNS           20000   2000000   inputs a fuzz target gets from its seeded mutator, beside its corpus
FUZZ_SECONDS           10       300   how long ./dev fuzz runs a target when not told
PROPERTY_CASES       2000    200000   random cases of a property test against its slow model
ENGINE_OPERATIONS  100000  10000000   random operations on the engine, against a slow model of its books
LEDGER_OPERATIONS   20000   1000000   random operations on quota, against a slow model of its tree
LEASE_SEARCH            1         2   worlds of the search of the rules of leases: at 2 larger ones too
LEASE_SPEED         14400      2880   seconds of a simulated cluster in one, where the server is away for a day
LEDGER_BATCHES          4       400   batches of random work and edits through the placer, against the same model
KILL_ROUNDS             1        60   replays during which processes are killed
KILL_MOMENTS            6         6   random moments of a round at which a process is killed
AGENT_KILL_POINTS       1        12   writes of an agent in a real cluster at which it is killed, before and after
AGENT_TALK_POINTS       1        16   records of its talk with the server at which it is killed, or cut off, before and after
AGENT_YIELD_POINTS      2         8   writes of a preemption at which it is killed, before and after
AGENT_RENEW_POINTS      1         6   records and writes of a renewal at which it is killed, or cut off, before and after
KILL_PODS            1500      1500   pods of a round
SLOW_CLIENTS         1000      1000   connections that send a byte at a time
REQUESTS            20000   1000000   requests of the memory check
RETRIES               400     10000   changes by clients whose connections break, each repeated until it is answered
WATCH_STRIDE           97         1   of the bytes of a recorded watch, one in so many is where it breaks
STREAM_READERS          8        50   readers of the watch who break off and come back
STREAM_EVENTS        2000    100000   changes that each of them sees
CONTRACT_CALLS        300     50000   calls of the contract test, at least
CONTRACT_EXAMPLES       1        60   examples that Schemathesis draws per operation and round
CONTRACT_SHARE          6         1   one operation in so many, except in chains
REPLAY_PODS           800      8152   pods of the trace that are sent
SHIM_STEPS          40000  20000000   random calls of the driver against a model, in each build of the shim
SHIM_TURNS          30     30000      turns of processes that make random calls, come and go, against a model, in each build of the shim
SHIM_KILLS            300     10000   processes killed at random moments of their calls
SHIM_STOPS            100      1000   processes stopped at random moments
KUBELET_SHUFFLES       80     10000   times two pods of one shape are admitted in shuffled order
PLACEMENT_SEEDS         1        10   seeds of each list of the placement bench, from 42 on
PLACEMENT_CHURN     60000    200000   arrivals of its workload with departures
PLACEMENT_DISTINCT  20000    100000   requests of distinct shapes
PLACEMENT_PODS      10000    200000   pods on the largest made clusters
CLUSTERS             100      1000   simulated clusters under one server
TABLE
}

size_column=2
[ "${REEVE_SIZE:-short}" = short ] || size_column=3
eval "$(sizes_table | awk -v column="$size_column" '!/^#/ { printf "export REEVE_SIZE_%s=%s\n", $1, $column }')"
