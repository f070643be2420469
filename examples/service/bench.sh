#!/usr/bin/env bash
# How many requests a second each endpoint answers, beside the same endpoint without the cache:
#
#     examples/service/bench.sh                 # ROUNDS=5 SECONDS_EACH=5 CLIENTS=32
#
# The two take turns. Each figure is the median of the rounds, and the ratio the median of the rounds' ratios.
set -euo pipefail
cd "$(dirname "$0")"
if [ -z "${DATABASE_URL:-}" ]; then exec ./with_servers.sh ./bench.sh; fi
command -v wrk > /dev/null || { echo "wrk is needed: apt-get install wrk" >&2; exit 1; }
rounds=${ROUNDS:-5} seconds=${SECONDS_EACH:-5} clients=${CLIENTS:-32}

cargo build --quiet --release -p cachecow-service --bin service
work=$(mktemp -d)
LISTEN=127.0.0.1:0 "${CARGO_TARGET_DIR:-../../target}/release/service" > "$work/address" &
service=$!
end() {
    kill "$service" && wait "$service" || true
    rm -rf "$work"
}
trap end EXIT
until grep -q listening "$work/address"; do
    kill -0 "$service"
    sleep 0.05
done
base=$(sed -n 's/^listening on //p' "$work/address")

# 100 users, the first of whom has 100 posts; every tenth of these is by another.
send() { curl -sSf -o /dev/null -H 'content-type: application/json' "$base$1" -d "$2"; }
for n in $(seq 100); do send /users "{\"email\":\"user-$n@example.org\",\"name\":\"User $n\"}"; done
text=$(printf 'A post has a few lines of text. %.0s' $(seq 8))
for n in $(seq 100); do
    send "/authors/$((n % 10 == 0 ? 2 : 1))/posts" "{\"title\":\"Post $n\",\"body\":\"$text\"}"
done

names=("a user by id" "a user by e-mail" "20 users by \`get_many\`" "the posts of an author (90)" "the latest 20 posts")
paths=("/users/42" "/users?email=user-42@example.org" "/users?ids=$(seq -s, 20)" "/authors/1/posts" "/posts/latest")

# Prints requests a second, and the milliseconds within which 99 of 100 were answered.
load() {
    wrk -t1 -c"$clients" -d"${2}s" --latency "$base$1" > "$work/wrk"
    if grep -q 'Non-2xx\|Socket errors' "$work/wrk"; then cat "$work/wrk" >&2; exit 1; fi
    awk '/Requests\/sec/ { rate = $2 }
        $1 == "99%" { n = $2 + 0; p99 = $2 ~ /us$/ ? n / 1000 : $2 ~ /ms$/ ? n : n * 1000 }
        END { print rate, p99 }' "$work/wrk"
}

for at in "${!paths[@]}"; do load "${paths[at]}" 1 > /dev/null; done
for round in $(seq "$rounds"); do
    for at in "${!paths[@]}"; do
        echo "round $round of $rounds: ${paths[at]}" >&2
        # Which of them goes first alternates, too.
        if [ $((round % 2)) = 1 ]; then order="cached uncached"; else order="uncached cached"; fi
        for source in $order; do
            prefix=$([ "$source" = cached ] || echo /uncached)
            echo "$at $source $(load "$prefix${paths[at]}" "$seconds")" >> "$work/rounds"
        done
    done
done

median() { sort -g | awk '{ v[NR] = $1 } END { print NR % 2 ? v[(NR + 1) / 2] : (v[NR / 2] + v[NR / 2 + 1]) / 2 }'; }
column() { awk -v at="$1" -v source="$2" -v n="$3" '$1 == at && $2 == source { print $n }' "$work/rounds"; }
echo "| | cached, requests/s | without cache | ratio | 99 % within, ms | without cache |"
echo "|---|---|---|---|---|---|"
for at in "${!paths[@]}"; do
    ratio=$(paste <(column "$at" cached 3) <(column "$at" uncached 3) | awk '{ print $1 / $2 }' | median)
    printf '| %s | %.0f | %.0f | %.2f | %.1f | %.1f |\n' "${names[at]}" \
        "$(column "$at" cached 3 | median)" "$(column "$at" uncached 3 | median)" "$ratio" \
        "$(column "$at" cached 4 | median)" "$(column "$at" uncached 4 | median)"
done
