//! Requests on a file of SQLite and a real Redis.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use async_graphql::{PathSegment, Response, ServerError, Value, value};
use books::{Api, Author, Db, SAMPLE};
use cachecow::testing::TestCache;
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use tempfile::TempDir;

const BOOKS: &str = "{ books { title author { name } } }";
const URSULA: &str = "{ author(id: 1) { name books { title } } }";
const RENAME: &str = r#"mutation { renameAuthor(id: 1, name: "Ursula K. Le Guin") { name } }"#;

/// A database with the sample's rows, and a Redis.
async fn servers() -> (TempDir, RedisServer, Arc<Db>) {
    let (folder, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let db = Db::open(&folder.path().join("books")).await.unwrap();
    db.execute(SAMPLE).await.unwrap();
    (folder, redis, Arc::new(db))
}

/// What another process would have, too.
async fn api(redis: &RedisServer, db: &Arc<Db>) -> Api {
    Api::new(patient().open(&redis.url()).await.unwrap(), db)
}

/// The data of a response without errors.
async fn data(api: &Api, request: &str) -> Value {
    let Response { data, errors, .. } = api.execute(request).await;
    assert!(errors.is_empty(), "{errors:?}");
    data
}

fn all_books(ursula: &str) -> Value {
    value!({ "books": [
        { "title": "The Dispossessed", "author": { "name": ursula } },
        { "title": "Excession", "author": { "name": "Iain Banks" } },
        { "title": "The Word for World is Forest", "author": { "name": ursula } },
    ] })
}

fn of_ursula(name: &str, more: Option<&str>) -> Value {
    let titles = ["The Dispossessed", "The Word for World is Forest"].into_iter().chain(more);
    let books: Vec<_> = titles.map(|title| value!({ "title": title })).collect();
    value!({ "author": { "name": name, "books": books } })
}

#[tokio::test]
async fn the_authors_of_all_books_are_one_batch() {
    let (_folder, redis, db) = servers().await;
    let (api, mut look) = (api(&redis, &db).await, redis.connection().await);
    // It connects, and the server learns the scripts.
    data(&api, "{ author(id: 99) { name } }").await;
    // A query for the books, and one for both authors. Redis is asked by one round trip, and one more stores them.
    for (queries, round_trips) in [(2, 2), (1, 1)] {
        let (asked, read) = (db.queries(), redis.reads(&mut look).await);
        assert_eq!(data(&api, BOOKS).await, all_books("Ursula Le Guin"));
        // The second question about the reads is itself a read.
        let round_trips_made = redis.reads(&mut look).await - read - 1;
        assert_eq!((db.queries() - asked, round_trips_made), (queries, round_trips));
    }
}

#[tokio::test]
async fn a_mutation_shows_in_the_next_request_of_every_process() {
    let (_folder, redis, db) = servers().await;
    let (here, there) = (api(&redis, &db).await, api(&redis, &db).await);
    for api in [&here, &there] {
        assert_eq!(data(api, URSULA).await, of_ursula("Ursula Le Guin", None));
        assert_eq!(data(api, BOOKS).await, all_books("Ursula Le Guin"));
    }
    let asked = db.queries();
    data(&there, URSULA).await;
    assert_eq!(db.queries(), asked, "the control: it is cached");

    let renamed = value!({ "renameAuthor": { "name": "Ursula K. Le Guin" } });
    assert_eq!(data(&here, RENAME).await, renamed);
    for api in [&there, &here] {
        assert_eq!(data(api, URSULA).await, of_ursula("Ursula K. Le Guin", None));
        assert_eq!(data(api, BOOKS).await, all_books("Ursula K. Le Guin"));
    }
    // A mutation's own fields are of its effect, too.
    let add = r#"mutation { addBook(author: 1, title: "Lavinia") { author { books { title } } } }"#;
    let books = value!([
        { "title": "The Dispossessed" },
        { "title": "The Word for World is Forest" },
        { "title": "Lavinia" },
    ]);
    let added = value!({ "addBook": { "author": { "books": books } } });
    assert_eq!(data(&here, add).await, added);
    assert_eq!(data(&there, URSULA).await, of_ursula("Ursula K. Le Guin", Some("Lavinia")));
}

/// A request in another process has read an author from the database, but not stored it in Redis yet, when a mutation
/// changes the author. The control changes the row without an invalidation.
#[tokio::test]
async fn a_slow_request_does_not_leave_the_old_author() {
    for (control, next) in [(false, "Ursula K. Le Guin"), (true, "Ursula Le Guin")] {
        let (_folder, redis, db) = servers().await;
        let reader = TestCache::open(&redis.url()).unwrap();
        let (slow, writer, of_writer) =
            (Api::new(reader.cow(), &db), api(&redis, &db).await, Arc::clone(&db));
        reader.before_next_fill(async move {
            if control {
                let update = "UPDATE author SET name = 'Ursula K. Le Guin' WHERE id = 1";
                of_writer.execute(update).await.unwrap();
            } else {
                data(&writer, RENAME).await;
            }
        });
        assert_eq!(data(&slow, BOOKS).await, all_books("Ursula Le Guin"));
        if control {
            reader.assert_stored(Author::by_id(1));
        } else {
            reader.assert_not_stored(Author::by_id(1));
        }
        // The race was lost by this author alone.
        reader.assert_stored(Author::by_id(2));
        assert_eq!(data(&slow, BOOKS).await, all_books(next));
    }
}

#[tokio::test]
async fn without_redis_everything_works() {
    let (_folder, mut redis, db) = servers().await;
    let builder = patient().close_timeout(Duration::from_secs(60));
    let cow = builder.open(&redis.url()).await.unwrap();
    let api = Api::new(cow.clone(), &db);
    data(&api, URSULA).await;

    redis.kill();
    data(&api, RENAME).await;
    assert_eq!(data(&api, BOOKS).await, all_books("Ursula K. Le Guin"));
    assert_eq!(data(&api, URSULA).await, of_ursula("Ursula K. Le Guin", None));
    assert_ne!(cow.stats().pending_invalidations, 0);

    redis.restart();
    cow.close().await.expect("cachecow tells Redis what it has missed");
    assert_eq!(cow.stats().pending_invalidations, 0);
}

#[tokio::test]
async fn a_query_that_fails_is_an_error_of_its_fields() {
    let (_folder, redis, db) = servers().await;
    let api = api(&redis, &db).await;
    db.execute("ALTER TABLE author RENAME TO hidden").await.unwrap();
    let Response { data: partial, errors, .. } = api.execute(BOOKS).await;
    let unknown = value!({ "books": [
        { "title": "The Dispossessed", "author": null },
        { "title": "Excession", "author": null },
        { "title": "The Word for World is Forest", "author": null },
    ] });
    assert_eq!(partial, unknown);
    let mut paths: Vec<String> = errors.iter().map(path).collect();
    paths.sort();
    assert_eq!(paths, ["books.0.author", "books.1.author", "books.2.author"], "{errors:?}");
    for error in &errors {
        assert_eq!(error.message, "the fetch function of Author::by_id failed");
    }

    // No error is cached.
    db.execute("ALTER TABLE hidden RENAME TO author").await.unwrap();
    assert_eq!(data(&api, BOOKS).await, all_books("Ursula Le Guin"));
}

fn path(error: &ServerError) -> String {
    let path = error.path.iter().map(|segment| match segment {
        PathSegment::Field(name) => name.clone(),
        PathSegment::Index(index) => index.to_string(),
    });
    path.collect::<Vec<_>>().join(".")
}

#[tokio::test]
async fn an_unknown_author_is_null() {
    let (_folder, redis, db) = servers().await;
    let api = api(&redis, &db).await;
    let request = "{ author(id: 99) { name } known: author(id: 2) { name } }";
    for _ in 0..2 {
        let found = value!({ "author": null, "known": { "name": "Iain Banks" } });
        assert_eq!(data(&api, request).await, found);
    }
    assert_eq!(db.queries(), 1, "the absence is cached, too");
    let rename = r#"mutation { renameAuthor(id: 99, name: "Nobody") { name } }"#;
    assert_eq!(data(&api, rename).await, value!({ "renameAuthor": null }));
}

#[test]
fn the_program_runs() {
    let redis = RedisServer::start();
    // The second run finds the rows of the first in Redis.
    for _ in 0..2 {
        let mut program = Command::new(env!("CARGO_BIN_EXE_graphql-example"));
        let output = program.env("REDIS_URL", redis.url()).output().expect("it was built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let stdout = String::from_utf8_lossy(&output.stdout);
        let queries = stdout.lines().filter_map(|line| line.strip_prefix("  queries: "));
        assert_eq!(queries.collect::<Vec<_>>(), ["2", "1", "2", "0", "0", "0", "3"], "{stdout}");
        assert!(stdout.contains(r#"{author: {name: "Ursula K. Le Guin""#), "{stdout}");
    }
}
