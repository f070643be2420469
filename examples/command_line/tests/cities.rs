//! The program and its functions, on a file of SQLite and a real Redis.

use std::path::PathBuf;
use std::process::{Command, Output};
use std::time::Duration;

use cachecow::blocking::CacheCow;
use cachecow::testing::TestCache;
use cachecow::{Builder, Fill, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use cities::{City, Db};
use rusqlite::Connection;
use tempfile::TempDir;

struct Place {
    folder: TempDir,
    redis: RedisServer,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), redis: RedisServer::start() }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("cities")
    }

    fn db(&self) -> Db {
        Db::open(&self.file()).unwrap()
    }

    /// Runs the program.
    fn run(&self, arguments: &[&str]) -> Output {
        let mut program = Command::new(env!("CARGO_BIN_EXE_cities"));
        program.env("CITIES", self.file()).env("REDIS_URL", self.redis.url());
        program.args(arguments).output().expect("it was built")
    }

    /// Runs the program, which must succeed, and returns its output.
    fn says(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

fn bern() -> City {
    City { name: "Bern".to_owned(), country: "CH".to_owned(), people: 134_000 }
}

#[test]
fn each_run_sees_what_the_others_changed() {
    let place = Place::new();
    assert_eq!(place.says(&["show", "Bern"]), "there is no such city\n");
    assert_eq!(place.says(&["list", "CH"]), "");
    place.says(&["add", "Bern", "CH", "134000"]);
    place.says(&["add", "Basel", "CH", "173000"]);
    for source in ["Fetched\n", "Cache\n"] {
        let shown = place.run(&["show", "Bern", "Basel", "Rome"]);
        assert_eq!(String::from_utf8_lossy(&shown.stderr), source);
        let all = "Bern, CH: 134000\nBasel, CH: 173000\nthere is no such city\n";
        assert_eq!(String::from_utf8_lossy(&shown.stdout), all);
    }
    assert_eq!(place.says(&["list", "CH"]), "Basel, CH: 173000\nBern, CH: 134000\n");
    assert_eq!(place.says(&["count", "Bern", "135000"]), "Bern, CH: 135000\n");
    let shown = place.run(&["show", "Bern"]);
    assert_eq!((&*shown.stdout, &*shown.stderr), (&b"Bern, CH: 135000\n"[..], &b"Cache\n"[..]));
    assert_eq!(place.says(&["remove", "Basel"]), "Basel, CH: 173000\n");
    assert_eq!(place.says(&["list", "CH"]), "Bern, CH: 135000\n");
    // SQLite's own error.
    let twice = place.run(&["add", "Bern", "CH", "1"]);
    assert!(!twice.status.success());
    let error = String::from_utf8_lossy(&twice.stderr).into_owned();
    assert!(error.contains("UNIQUE constraint failed: city.name"), "{error}");
}

/// A reader in another process (with a runtime and the same fetch functions) has read a city from the database, but
/// not stored it in Redis yet, when the city changes. The control changes the row without an invalidation.
#[test]
fn a_slow_reader_does_not_leave_the_old_city() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (control, fill, people) in [(false, Fill::Refused, 135_000), (true, Fill::Stored, 134_000)]
    {
        let place = Place::new();
        let (writer, db) =
            (CacheCow::open_with(patient(), &place.redis.url()).unwrap(), place.db());
        bern().add(&writer, &db).unwrap();
        runtime.block_on(async {
            let reader = TestCache::open(&place.redis.url()).unwrap();
            let (of_writer, writer, file) = (db.clone(), writer.clone(), place.file());
            reader.before_next_fill(async move {
                if control {
                    let foreign = Connection::open(file).unwrap();
                    foreign.execute("UPDATE city SET people = 135000", []).unwrap();
                } else {
                    City::count(&writer, &of_writer, "Bern", 135_000).unwrap();
                }
            });
            let read = reader.with(&db).read(City::by_name("Bern")).await.unwrap();
            assert_eq!((read.value.unwrap().people, read.fill), (134_000, fill));
            let next = reader.with(&db).get(City::by_name("Bern")).await.unwrap();
            assert_eq!(next.unwrap().people, people);
        });
    }
}

#[test]
fn without_redis_everything_works() {
    let mut place = Place::new();
    let builder = Builder::default().close_timeout(Duration::from_secs(60));
    let (cow, db) = (CacheCow::open_with(builder, &place.redis.url()).unwrap(), place.db());
    bern().add(&cow, &db).unwrap();
    cow.with(&db).get(City::by_name("Bern")).unwrap();

    place.redis.kill();
    let new = City::count(&cow, &db, "Bern", 135_000).unwrap();
    let read = cow.with(&db).read(City::by_name("Bern")).unwrap();
    assert_eq!((read.value.as_deref(), read.source), (new.as_ref(), Source::Fetched));
    assert_ne!(cow.stats().pending_invalidations, 0);
    // The program itself does its work, and reports that the cache did not confirm the invalidation.
    let output = place.run(&["count", "Bern", "136000"]);
    assert!(output.status.success());
    assert_eq!(output.stdout, b"Bern, CH: 136000\n");
    assert!(output.stderr.starts_with(b"cities: "), "{}", String::from_utf8_lossy(&output.stderr));

    place.redis.restart();
    cow.close().expect("cachecow tells Redis what it has missed");
    assert_eq!(cow.stats().pending_invalidations, 0);
    assert_eq!(place.says(&["show", "Bern"]), "Bern, CH: 136000\n");
}
