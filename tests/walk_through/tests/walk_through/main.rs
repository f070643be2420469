//! The walk-through of the documentation: every command of the page is run on real servers, and the page is what they
//! printed. `UPDATE_EXPECT=1` writes it anew.

mod page;

use std::path::Path;

use cachecow_tests::monitoring::rules;
use cachecow_tests::servers::{PostgresServer, Prometheus, RedisServer, install};
use expect_test::expect_file;
use rustix::process::Signal;

use self::page::{Page, Shell};

const BEGINNING: &str = "What the person on call sees and does while Redis is down, and after somebody changed a row by hand.

# The service

This page follows a service through two bad nights. Everything here is real: a test runs each command of this page, and
the output is what the commands print. Only times are replaced by `…`, and addresses and
folders by usual ones.

The service is the one of `examples/service`: axum and sqlx on PostgreSQL, with cachecow and Redis in front of it. Prometheus
scrapes its `/metrics`, with the alert rules of `examples/grafana`:

```yaml
rule_files: [alerts.yaml]
scrape_configs:
  - job_name: service
    static_configs:
      - targets: [\"127.0.0.1:3000\"]
```

The commands find the servers by variables. `service manifest` prints the service's types, so that the program `cachecow`
knows their names and fields.

```sh
export DATABASE_URL=postgres://… REDIS_URL=redis+unix:///run/redis/redis.sock
export CACHECOW_URL=$REDIS_URL CACHECOW_MANIFEST=cachecow.json
export SERVICE=http://127.0.0.1:3000 PROMETHEUS=http://127.0.0.1:9090
service manifest > cachecow.json
```

The auditor compares some hits with the database: one in `AUDIT_ONE_IN`. In production that is one in a thousand; here
it is every one.";

const READ: &str = "curl -s $SERVICE/users/1";
const HEALTH: &str = "curl -s $SERVICE/healthz";
const FIRING: &str = r#"promtool query instant $PROMETHEUS 'ALERTS{alertstate="firing"}'"#;
const OVER: &str =
    r#"promtool query instant $PROMETHEUS 'up == 1 and on() absent(ALERTS{alertstate="firing"})'"#;
const INSPECT: &str = "cachecow inspect User::by_id 1 --show-values";

/// The servers, and the addresses that the page has for theirs.
fn shell(folder: &Path, postgres: &PostgresServer, redis: &RedisServer) -> Shell {
    let socket = redis.socket().display().to_string();
    let shell = Shell {
        folder: folder.to_owned(),
        variables: vec![
            ("DATABASE_URL", postgres.url()),
            ("REDIS_URL", redis.url()),
            ("LISTEN", "127.0.0.1:0".to_owned()),
            ("CACHECOW_URL", redis.url()),
            ("CACHECOW_MANIFEST", "cachecow.json".to_owned()),
        ],
        names: vec![(socket, "/run/redis/redis.sock")],
    };
    shell.link(Path::new(env!("CARGO_BIN_EXE_walked-cachecow")), "cachecow");
    shell.link(Path::new(env!("CARGO_BIN_EXE_walked-service")), "service");
    shell.link(&Prometheus::promtool(), "promtool");
    for (program, package) in [("curl", "curl"), ("psql", "postgresql-client")] {
        let is_there = || install::on_path(program).is_some();
        assert!(
            is_there() || install::debian(&[package]) && is_there(),
            "this test needs `{program}`: apt-get install {package}"
        );
    }
    shell
}

#[test]
fn the_page_is_what_the_commands_print() {
    let folder = tempfile::tempdir().expect("a folder");
    let (postgres, mut redis) = (PostgresServer::start(), RedisServer::start());
    let mut page = Page::new(shell(folder.path(), &postgres, &redis));
    page.say(BEGINNING);
    assert_eq!(page.shell().run("service manifest > cachecow.json"), "");
    let service = "env AUDIT_ONE_IN=1 service 2> service.log";
    let (running, url) = page.start(service, "listening on ");
    let address = url.strip_prefix("http://").expect("an address").to_owned();
    // Each rule fires at once, and not after a minute.
    let prometheus = Prometheus::start(&address, &rules(true));
    let shell = page.shell();
    shell.variables.extend([("SERVICE", url), ("PROMETHEUS", prometheus.url())]);
    shell.names.push((address, "127.0.0.1:3000"));
    page.show(&format!("{service} &"), "listening on http://127.0.0.1:3000\n");

    redis_is_down(&mut page, &mut redis);
    a_row_is_changed_by_hand(&mut page);
    page.say(END);
    drop(prometheus);
    running.end(Signal::TERM);
    expect_file!["../../../../cachecow/docs/walk_through.md"].assert_eq(&page.finish());
}

fn redis_is_down(page: &mut Page, redis: &mut RedisServer) {
    page.say("Create a user, and read it. No alert fires.");
    page.run_all(&[
        r#"curl -s $SERVICE/users -H 'content-type: application/json' -d '{"email": "ada@example.org", "name": "Ada"}'"#,
        READ,
        HEALTH,
        FIRING,
    ]);

    page.say("# Redis is down");
    redis.kill();
    page.say(
        "Redis is killed. The service goes on: PostgreSQL answers what Redis does not. While clients read, an alert fires.
(Its rule waits for a minute, and the test does not.)",
    );
    page.run_until(FIRING, READ, |firing| firing.contains("CachecowCircuitOpen"));
    page.say(
        "The service says what it knows. It stays *ready*: a load balancer that took it out of service would send its requests
to other instances, which have no Redis either.",
    );
    page.run_all(&[READ, HEALTH]);
    page.say("`cachecow doctor` asks the server itself, says why, and what to do. Its exit code is 3: nobody answers.");
    page.run("cachecow doctor; echo \"exit code $?\"");
    page.say(
        "A client changes the user. The change is committed, so the client gets 200 and the new user. Redis cannot be told of it
yet; the service retries that in the background, and meanwhile it does not read this user from Redis.",
    );
    page.run_all(&[
        r#"curl -s -X PUT $SERVICE/users/1 -H 'content-type: application/json' -d '{"email": "ada@example.org", "name": "Ada Lovelace"}'"#,
        READ,
        "curl -s $SERVICE/metrics | grep ^cachecow_pending_invalidations",
    ]);

    page.say("# Redis is back");
    redis.restart();
    page.say("Redis is started again. The service notices, tells Redis what it missed, and the alert ends.");
    // Nor does an alert fire while the service is not scraped in time, which is not meant.
    page.shell().wait(OVER, READ, |over| over.contains("=> 1"));
    page.run_until(FIRING, READ, str::is_empty);
    page.run_until(
        "curl -s $SERVICE/metrics | grep ^cachecow_pending_invalidations",
        READ,
        |left| left.lines().all(|line| line.ends_with(" 0")),
    );
    page.run_all(&[HEALTH, "cachecow doctor | grep reachable", READ]);
}

fn a_row_is_changed_by_hand(page: &mut Page) {
    page.say("# A row is changed by hand");
    // What the circuit's last moments left out is cached by now.
    page.shell().wait("cachecow inspect User::by_id 1 --json", READ, |seen| {
        seen.contains(r#""served":true"#)
    });
    page.say(
        "Somebody renames the user by SQL. The service does not follow the database's change log here, so nobody tells the cache,
and the service serves the old name, for up to ten minutes.",
    );
    page.run_all(&[
        r#"psql "$DATABASE_URL" -c "UPDATE users SET name = 'Ada King' WHERE id = 1""#,
        READ,
    ]);
    page.say(
        "The auditor looks twice, some seconds apart, so that a change whose invalidation is under way is no false alarm. Then
an alert fires, and the log names the object and the fields.",
    );
    page.run_until(FIRING, READ, |firing| firing.contains("CachecowStaleObjects"));
    // The service logs this once a minute, so the log may have a second such line.
    page.run("grep -m1 stale_object service.log");
    page.say(
        "`cachecow inspect` shows what is cached. `served yes` says that readers get it. Without `--show-values` it shows no
values, since they may be personal data. The database has another name:",
    );
    page.run_all(&[INSPECT, r#"psql "$DATABASE_URL" -Atc "SELECT name FROM users WHERE id = 1""#]);
    page.say(
        "`cachecow invalidate` mends it. It uses the library's own protocol: a fetch that is under way does not bring the old value
back, as it could after a `DEL` by `redis-cli`. The next read is fresh, and is cached again.",
    );
    page.run_all(&["cachecow invalidate User::by_id 1", READ, READ]);
    page.run(&format!("{INSPECT} | grep -e name -e served"));
}

const END: &str = "The alert ends by itself, fifteen minutes after the last stale object was found. What is left to do is to find the write that
does not invalidate, and to make it the work of `CacheCow::write`.

# So that it does not happen again

With the change log followed, changes made by hand are seen, usually within milliseconds. The database has to be prepared
once, by what `service setup-sql` prints:

```sh
service setup-sql          # a person reads it, and runs it by psql
env FOLLOW=1 service
```

[Change logs](crate::guide::change_logs) says what it costs, and what it does not see.";
