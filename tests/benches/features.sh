#!/usr/bin/env bash
# What each feature adds: how many crates, and with `--time` how many seconds of a build from nothing on this machine (minutes in all).
#
#     tests/benches/features.sh [--time] [feature…]
set -euo pipefail
cd "$(dirname "$0")/../.."
timed=no
if [ "${1:-}" = --time ]; then
    timed=yes
    shift
fi
if [ $# = 0 ]; then
    set -- $(sed -n '/^\[features\]/,/^\[dep/s/^\([a-z][a-z0-9_-]*\) = .*/\1/p' cachecow/Cargo.toml)
fi

crates() {
    cargo tree --locked -p cachecow-rs --no-default-features --features "$1" -e normal,build --prefix none --no-dedupe |
        sed 's/ (.*//' | sort -u | wc -l
}

seconds() {
    local target began ended
    target=$(mktemp -d)
    began=$EPOCHREALTIME
    CARGO_TARGET_DIR=$target cargo build --locked -q -p cachecow-rs --lib --no-default-features --features "$1"
    ended=$EPOCHREALTIME
    rm -r "$target"
    echo $(((${ended/[.,]/} - ${began/[.,]/}) / 1000000))
}

none=$(crates "")
printf '| feature | crates%s |\n|---|---|%s\n' \
    "$([ $timed = yes ] && echo ' | seconds')" "$([ $timed = yes ] && echo '---|')"
printf '| none | %s%s |\n' "$none" "$([ $timed = yes ] && echo " | $(seconds "")")"
for feature in "$@"; do
    added=$(($(crates "$feature") - none))
    if [ $timed = yes ]; then
        printf '| `%s` | +%s | %s |\n' "$feature" "$added" "$(seconds "$feature")"
    else
        printf '| `%s` | +%s |\n' "$feature" "$added"
    fi
done
