#!/usr/bin/env bash
# Runs a command beside a PostgreSQL and a Redis of its own, in a temporary folder, and ends both with it:
#
#     examples/service/with_servers.sh cargo run -p cachecow-service
set -euo pipefail

if [ $# = 0 ]; then
    sed -n '2,4s/^# \{0,1\}//p' "$0"
    exit 2
fi
initdb=$(command -v initdb || ls /usr/lib/postgresql/*/bin/initdb 2> /dev/null | sort -V | tail -1)
if [ -z "$initdb" ] || ! command -v redis-server > /dev/null; then
    echo "PostgreSQL and Redis are needed: apt-get install postgresql redis-server" >&2
    exit 1
fi
pg_ctl=$(dirname "$initdb")/pg_ctl

folder=$(mktemp -d /tmp/cow-service.XXXXXX)
# PostgreSQL does not run as root.
as_nobody() {
    if [ "$(id -u)" = 0 ]; then
        setpriv --reuid=65534 --regid=65534 --clear-groups env -C "$folder" HOME="$folder" "$@"
    else
        "$@"
    fi
}
if [ "$(id -u)" = 0 ]; then chown 65534:65534 "$folder"; fi

redis=
end() {
    as_nobody "$pg_ctl" -D "$folder/data" -m immediate stop > /dev/null 2>&1 || true
    if [ -n "$redis" ]; then kill "$redis" && wait "$redis" || true; fi
    rm -rf "$folder"
}
trap end EXIT

as_nobody "$initdb" --username=cow --auth=trust --no-sync --encoding=UTF8 --pgdata="$folder/data" > /dev/null
as_nobody "$pg_ctl" -D "$folder/data" -l "$folder/log" -w start > /dev/null \
    -o "-c listen_addresses= -c unix_socket_directories=$folder -c wal_level=logical -c max_slot_wal_keep_size=1GB"
redis-server --port 0 --unixsocket "$folder/r.sock" --dir "$folder" --save "" > "$folder/redis.log" &
redis=$!
until redis-cli -s "$folder/r.sock" ping > /dev/null 2>&1; do
    kill -0 "$redis" || { cat "$folder/redis.log" >&2; exit 1; }
    sleep 0.05
done

export DATABASE_URL="postgres://cow@localhost/postgres?host=$folder"
export REDIS_URL="redis+unix://$folder/r.sock"
"$@"
