#!/usr/bin/env bash
# How long a crate of 300 structs takes to compile with `#[derive(Cached)]`, beside one with serde's two derives on
# the same structs: the goal is no more than 1.3 times as long. Only the crate itself is timed: a debug build, not
# incremental, dependencies built.
#
#     tests/benches/compile_time.sh [structs] [rounds]
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
structs=${1:-300}
rounds=${2:-5}
work=$root/target/compile-time
export CARGO_INCREMENTAL=0 CARGO_TARGET_DIR=$work/target

generate() { # name, derives, whether with cachecow's attributes
    local crate=$work/$1 index
    mkdir -p "$crate/src"
    cp "$root/Cargo.lock" "$crate/Cargo.lock"
    cat > "$crate/Cargo.toml" << TOML
[package]
name = "$1"
version = "0.0.0"
edition = "2024"

[dependencies]
cachecow = { package = "cachecow-rs", path = "$root/cachecow" }
serde = { version = "1", features = ["derive"] }

[workspace]
TOML
    {
        echo 'pub struct Database;'
        for ((index = 0; index < structs; index++)); do
            echo "#[derive(Clone, Debug, $2)]"
            if [ "$3" = cached ]; then
                echo '#[cache(context = Database, ttl = "10m")]'
                echo "#[cache(key = \"model$index:{id}\", fetch = Model$index::find)]"
                echo "#[cache(key = \"model$index:email:{email}\", fetch = Model$index::find_by_email)]"
            fi
            cat << RUST
pub struct Model$index { pub id: i64, pub email: String, pub name: String, pub active: bool }
impl Model$index {
    pub async fn find(_: &Database, id: i64) -> Result<Self, std::io::Error> {
        Ok(Self { id, email: String::new(), name: String::new(), active: true })
    }
    pub async fn find_by_email(_: &Database, email: &str) -> Result<Option<Self>, std::io::Error> {
        Ok(Some(Self { id: 1, email: email.to_owned(), name: String::new(), active: true }))
    }
}
RUST
        done
    } > "$crate/src/lib.rs"
}

milliseconds() {
    local began=$EPOCHREALTIME
    "$@"
    local ended=$EPOCHREALTIME
    echo $(((${ended/[.,]/} - ${began/[.,]/}) / 1000))
}

build() {
    cargo build --quiet --manifest-path "$work/$1/Cargo.toml"
}

rebuild() {
    touch "$work/$1/src/lib.rs"
    milliseconds build "$1"
}

median() {
    printf '%s\n' "$@" | sort -n | sed -n "$((($# + 1) / 2))p"
}

generate plain 'serde::Serialize, serde::Deserialize' plain
generate cached 'cachecow::Cached' cached
echo "building the dependencies and each crate once"
build plain
build cached
plain=() cached=()
for ((round = 0; round < rounds; round++)); do
    plain+=("$(rebuild plain)")
    cached+=("$(rebuild cached)")
done
plain=$(median "${plain[@]}")
cached=$(median "${cached[@]}")
echo "$structs structs, median of $rounds builds each"
echo "serde's two:   $plain ms"
echo "Cached:        $cached ms"
awk -v p="$plain" -v c="$cached" -v n="$structs" \
    'BEGIN { printf "ratio: %.2f; a struct with two lookups: %.1f ms\n", c / p, c / n }'
