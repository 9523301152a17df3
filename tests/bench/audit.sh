#!/bin/sh
# audit: how fast reeve verify-audit is, beside what SHA-256 alone allows on this machine in the same minutes
#
# A record is hashed twice, for the chain and for the tree, and the tree adds a node: the limit is the time openssl takes for
# that much and nothing else. Medians of several rounds.
#
#     REEVE_BENCH_ROUNDS (5), REEVE_BENCH_RECORDS (1000000)
set -eu
here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd -P)
root=${here%/tests/bench}
. "$root/tests/support/script/measure.sh"
rounds=${REEVE_BENCH_ROUNDS:-5}
records=${REEVE_BENCH_RECORDS:-1000000}
folder=$(mktemp -d "${REEVE_STATE:-/tmp}/bench-audit-XXXXXX")
trap 'rm -rf "$folder"' EXIT
export LC_ALL=C

"$REEVE_BENCH_BIN/audit_make" "$records" 4096 "$folder"
record_bytes=$(awk '{ n += length($0) - 97 } END { printf "%d\n", n / NR }' "$folder/records.ndjson")

# Hashes of so many bytes in a second.
hashes_per_s() # BYTES
{
	openssl speed -elapsed -seconds 1 -bytes "$1" -mr sha256 2>/dev/null | awk -F: -v bytes="$1" '/^\+F:/ { printf "%.0f\n", $NF / bytes }'
}

round=0
while [ $round -lt "$rounds" ]; do
	round=$((round + 1))
	"$REEVE_BIN/reeve" verify-audit --key "$folder/key.pem" "$folder/checkpoints.ndjson" "$folder/records.ndjson" >"$folder/said" || {
		cat "$folder/said"
		exit 1
	}
	ms=$(sed -n 's/.* MB in \([0-9]*\) ms:.*/\1/p' "$folder/said")
	limit=$(awk -v a="$(hashes_per_s $((record_bytes + 32)))" -v b="$(hashes_per_s 65)" -v n="$records" 'BEGIN { printf "%.0f\n", n * (2 / a + 1 / b) * 1000 }')
	echo "$ms" >>"$folder/took"
	echo "$limit" >>"$folder/limits"
	awk -v a="$limit" -v b="$ms" 'BEGIN { printf "%.2f\n", a / b }' >>"$folder/ratios"
done
took=$(median <"$folder/took")
echo "  $records records of $record_bytes bytes, $(grep -c . "$folder/checkpoints.ndjson") checkpoints, $rounds rounds"
echo "  verified in $took ms; SHA-256 alone $(median <"$folder/limits") ms; share of that limit $(median <"$folder/ratios")"

# And it sees a byte: the one in the middle of the last record.
bytes=$(wc -c <"$folder/records.ndjson")
printf '#' | dd of="$folder/records.ndjson" bs=1 seek=$((bytes - 40)) conv=notrunc 2>/dev/null
if "$REEVE_BIN/reeve" verify-audit --key "$folder/key.pem" "$folder/checkpoints.ndjson" "$folder/records.ndjson" >"$folder/said"; then
	echo "  a changed byte was not seen"
	exit 1
fi
grep -q "^BAD g record $records: " "$folder/said" || { cat "$folder/said"; exit 1; }
goal "ms for 1,000,000 records" "$(awk -v a="$took" -v n="$records" 'BEGIN { printf "%.0f", a * 1000000 / n }')" at-most 10000
[ "$goals_missed" -eq 0 ]
