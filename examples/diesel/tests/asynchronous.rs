//! diesel-async on a real PostgreSQL and a real Redis.

use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use cachecow::testing::TestCache;
use cachecow::{CacheCow, Fill, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::{PostgresServer, RedisServer};
use diesel::result::{DatabaseErrorKind, Error};
use shop::asynchronous::{Db, Post, TABLES, User};
use shop::failure::Failure;

fn url(server: &PostgresServer) -> String {
    format!("host={} user=cow password=cud dbname=postgres", server.socket_folder().display())
}

/// A database with its tables, and a Redis.
async fn servers() -> (PostgresServer, RedisServer, Db) {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let db = Db::open(&url(&postgres)).unwrap();
    db.execute(TABLES).await.unwrap();
    (postgres, redis, db)
}

#[tokio::test]
async fn what_is_written_is_read() {
    let (_postgres, redis, db) = servers().await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let view = || cow.with(&db);
    assert!(view().get(User::by_email("ann@x.org")).await.unwrap().is_none());
    let ann = User::register(&cow, &db, "ann@x.org").await.unwrap();
    for source in [Source::Fetched, Source::Cache] {
        let read = view().read(User::by_email("ann@x.org")).await.unwrap();
        assert_eq!((read.value.as_deref(), read.source), (Some(&ann), source));
        let many = view().get_many([ann.id, 0].map(User::by_id)).await.unwrap();
        assert_eq!(many.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    }
    assert!(view().list(Post::list_by_author(ann.id)).await.unwrap().is_empty());
    let post = Post::publish(&cow, &db, ann.id, "Moo").await.unwrap();
    assert_eq!(view().get(Post::by_id(post.id)).await.unwrap().as_deref(), Some(&post));
    assert_eq!(*view().list(Post::list_by_author(ann.id)).await.unwrap()[0], post);
    assert_eq!(view().get(User::by_id(ann.id)).await.unwrap().unwrap().posts, 1);
}

/// The transaction sees its own change with `uncached`; nobody else sees it, and it is not cached.
#[tokio::test]
async fn a_transaction_that_fails_leaves_nothing() {
    let (_postgres, redis, db) = servers().await;
    let cow = patient().open(&redis.url()).await.unwrap();
    let ann = User::register(&cow, &db, "ann@x.org").await.unwrap().id;
    for title in ["one", "two", "three"] {
        Post::publish(&cow, &db, ann, title).await.unwrap();
    }
    let refused = Post::publish(&cow, &db, ann, "four").await;
    assert!(matches!(refused, Err(Failure::TooManyPosts)), "{refused:?}");
    for _ in 0..2 {
        assert_eq!(cow.with(&db).get(User::by_id(ann)).await.unwrap().unwrap().posts, 3);
        assert_eq!(cow.with(&db).list(Post::list_by_author(ann)).await.unwrap().len(), 3);
    }
}

#[tokio::test]
async fn diesel_s_error_comes_through_write_as_it_is() {
    let (_postgres, redis, db) = servers().await;
    let cow = patient().open(&redis.url()).await.unwrap();
    User::register(&cow, &db, "ann@x.org").await.unwrap();
    let taken = User::register(&cow, &db, "ann@x.org").await;
    let Err(Failure::Query(Error::DatabaseError(kind, information))) = taken else {
        panic!("{taken:?}")
    };
    assert!(matches!(kind, DatabaseErrorKind::UniqueViolation), "{kind:?}");
    assert_eq!(information.constraint_name(), Some("users_email_key"));
    let nobody = Post::publish(&cow, &db, 0, "Moo").await;
    assert!(matches!(nobody, Err(Failure::Query(Error::NotFound))), "{nobody:?}");
}

/// A reader in another process has read a user from the database, but not stored it in Redis yet, when the user
/// changes. The control changes the row without an invalidation.
#[tokio::test]
async fn a_slow_reader_does_not_leave_the_old_user() {
    let (_postgres, redis, db) = servers().await;
    let db = Arc::new(db);
    for (email, control, fill, posts) in
        [("ann@x.org", false, Fill::Refused, 1), ("bea@x.org", true, Fill::Stored, 0)]
    {
        let writer = patient().open(&redis.url()).await.unwrap();
        let reader = TestCache::open(&redis.url()).unwrap();
        let id = User::register(&writer, &db, email).await.unwrap().id;

        let of_writer = Arc::clone(&db);
        reader.before_next_fill(async move {
            if control {
                of_writer.execute("UPDATE users SET posts = 1").await.unwrap();
            } else {
                Post::publish(&writer, &of_writer, id, "Moo").await.unwrap();
            }
        });
        let read = reader.with(&*db).read(User::by_id(id)).await.unwrap();
        assert_eq!((read.value.unwrap().posts, read.fill), (0, fill));
        let next = reader.with(&*db).get(User::by_id(id)).await.unwrap();
        assert_eq!(next.unwrap().posts, posts);
    }
}

#[tokio::test]
async fn without_redis_everything_works() {
    let (_postgres, mut redis, db) = servers().await;
    let builder = CacheCow::builder().close_timeout(Duration::from_secs(60));
    let cow = builder.open(&redis.url()).await.unwrap();
    let ann = User::register(&cow, &db, "ann@x.org").await.unwrap().id;
    cow.with(&db).get(User::by_id(ann)).await.unwrap();

    redis.kill();
    Post::publish(&cow, &db, ann, "Moo").await.unwrap();
    let read = cow.with(&db).read(User::by_id(ann)).await.unwrap();
    assert_eq!((read.value.unwrap().posts, read.source), (1, Source::Fetched));
    assert_eq!(cow.with(&db).list(Post::list_by_author(ann)).await.unwrap().len(), 1);
    assert_ne!(cow.stats().pending_invalidations, 0);

    redis.restart();
    cow.close().await.expect("cachecow tells Redis what it has missed");
    assert_eq!(cow.stats().pending_invalidations, 0);
}

#[test]
fn the_program_runs() {
    let (postgres, redis) = (PostgresServer::start(), RedisServer::start());
    let mut program = Command::new(env!("CARGO_BIN_EXE_diesel-example"));
    let mut run = |database: Option<String>| {
        program.env("REDIS_URL", redis.url()).env_remove("DATABASE_URL");
        program.envs(database.map(|url| ("DATABASE_URL", url)));
        let output = program.output().expect("it was built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(output.stdout.ends_with(b"Cache\n"), "{}", String::from_utf8_lossy(&output.stdout));
    };
    run(None);
    run(Some(url(&postgres)));
}
