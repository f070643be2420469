#!/usr/bin/env bash
# The client's instructions for each hit, counted by callgrind, beside a bare `GET` and decode. Needs
# valgrind and redis-server. The counts depend on neither the machine's speed nor what else it does, and
# hardly on timing.
#
#   bash tests/benches/instructions.sh [TASKS ...]      by default 1 8 32 256
set -euo pipefail
cd "$(dirname "$0")/instructions"

cargo build --release --quiet
program=$PWD/target/release/cachecow-instructions

folder=$(mktemp -d /tmp/cow-XXXXXX)
redis-server --port 0 --unixsocket "$folder/r.sock" --save "" --dir "$folder" > "$folder/log" &
server=$!
trap 'kill $server; wait $server || true; rm -rf "$folder"' EXIT
until [ -S "$folder/r.sock" ]; do sleep 0.01; done

# count CLIENT TASKS HITS
count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        "$program" "redis+unix://$folder/r.sock" "$@" 2>&1 | sed -nE 's/.*Collected : ([0-9]+).*/\1/p'
}

[ $# -gt 0 ] || set -- 1 8 32 256
printf '%6s %10s %10s %7s\n' tasks cachecow bare ratio
for tasks in "$@"; do
    counts=()
    for client in cachecow bare; do
        # What is not a hit is in both.
        few=$(count "$client" "$tasks" 5120)
        many=$(count "$client" "$tasks" 15360)
        counts+=($(((many - few) / 10240)))
    done
    printf '%6s %10s %10s %7s\n' "$tasks" "${counts[@]}" \
        "$(awk "BEGIN { printf \"%.2f\", ${counts[0]} / ${counts[1]} }")"
done
