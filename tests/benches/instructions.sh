#!/usr/bin/env bash
# The client's instructions for each hit, counted by callgrind, beside the bare way to the same: `GET` and
# decode; for an alias two of them; for an object with a tag, and for one of a type that can be cleared, an
# `MGET` of it and an epoch; for batches of 100, by object, an `MGET`; for lists of 20, by object, a `get_many` of
# the 20; for a hit in this process's memory a `quick_cache` get. Needs valgrind and
# redis-server. The counts depend on neither the machine's speed nor what else it does, and hardly on
# timing. With CACHECOW_METRICS=1 the cache's metrics are exported meanwhile.
#
#   bash tests/benches/instructions.sh [--quick] [TASKS ...]      by default 1 8 32 256, quick: 32
set -euo pipefail
cd "$(dirname "$0")/instructions"

tasks=(1 8 32 256)
if [ "${1:-}" = --quick ]; then
    tasks=(32)
    shift
fi
[ $# -eq 0 ] || tasks=("$@")

cargo build --release --quiet
program=${CARGO_TARGET_DIR:-$PWD/target}/release/cachecow-instructions

folder=$(mktemp -d /tmp/cow-XXXXXX)
redis-server --port 0 --unixsocket "$folder/r.sock" --save "" --dir "$folder" > "$folder/log" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$folder"' EXIT
until [ -S "$folder/r.sock" ]; do sleep 0.01; done

# count KIND TASKS OBJECTS
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null --log-file="$folder/count" \
        "$program" "redis+unix://$folder/r.sock" "$@"
    sed -nE 's/.*Collected : ([0-9]+).*/\1/p' "$folder/count"
}

# row KIND TASKS OBJECTS
row() {
    local counts=() few many kind
    for kind in "$1" "bare-$1"; do
        # Stores the objects, so that what is no hit is the same in both.
        "$program" "redis+unix://$folder/r.sock" "$kind" 1 0
        few=$(count "$kind" "$2" "$3")
        many=$(count "$kind" "$2" $((3 * $3)))
        counts+=($(((many - few) / (2 * $3))))
    done
    printf '%6s %6s %10s %10s %7s\n' "$1" "$2" "${counts[@]}" \
        "$(awk "BEGIN { printf \"%.2f\", ${counts[0]} / ${counts[1]} }")"
}

printf '%6s %6s %10s %10s %7s\n' "" tasks cachecow bare ratio
for kind in hit alias tagged whole; do
    for number in "${tasks[@]}"; do
        row "$kind" "$number" 5120
    done
done
for number in 1 8; do
    row many "$number" 40000
    row list "$number" 40000
done
row near 1 20000
