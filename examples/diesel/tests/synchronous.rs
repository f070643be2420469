//! diesel with r2d2, on a file of SQLite and a real Redis.

use std::time::Duration;

use cachecow::blocking::CacheCow;
use cachecow::testing::TestCache;
use cachecow::{Builder, Fill, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::RedisServer;
use diesel::result::{DatabaseErrorKind, Error};
use diesel::{ExpressionMethods as _, RunQueryDsl as _};
use shop::failure::Failure;
use shop::schema::users;
use shop::synchronous::{Db, Post, User, open};
use tempfile::TempDir;

/// A database, and a Redis.
fn servers() -> (TempDir, RedisServer, Db) {
    let (folder, redis) = (tempfile::tempdir().unwrap(), RedisServer::start());
    let db = open(&folder.path().join("shop")).unwrap();
    (folder, redis, db)
}

#[test]
fn what_is_written_is_read() {
    let (_folder, redis, db) = servers();
    let cow = CacheCow::open_with(patient(), &redis.url()).unwrap();
    let view = || cow.with(&db);
    assert!(view().get(User::by_email("ann@x.org")).unwrap().is_none());
    let ann = User::register(&cow, &db, "ann@x.org").unwrap();
    for source in [Source::Fetched, Source::Cache] {
        let read = view().read(User::by_email("ann@x.org")).unwrap();
        assert_eq!((read.value.as_deref(), read.source), (Some(&ann), source));
        let many = view().get_many([ann.id, 0].map(User::by_id)).unwrap();
        assert_eq!(many.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    }
    assert!(view().list(Post::list_by_author(ann.id)).unwrap().is_empty());
    let post = Post::publish(&cow, &db, ann.id, "Moo").unwrap();
    assert_eq!(view().get(Post::by_id(post.id)).unwrap().as_deref(), Some(&post));
    assert_eq!(*view().list(Post::list_by_author(ann.id)).unwrap()[0], post);
    assert_eq!(view().get(User::by_id(ann.id)).unwrap().unwrap().posts, 1);
}

#[test]
fn diesel_s_error_comes_through_write_as_it_is() {
    let (_folder, redis, db) = servers();
    let cow = CacheCow::open_with(patient(), &redis.url()).unwrap();
    User::register(&cow, &db, "ann@x.org").unwrap();
    let taken = User::register(&cow, &db, "ann@x.org");
    let unique = DatabaseErrorKind::UniqueViolation;
    let Err(Failure::Query(Error::DatabaseError(kind, _))) = taken else { panic!("{taken:?}") };
    assert_eq!(format!("{kind:?}"), format!("{unique:?}"));
    let nobody = Post::publish(&cow, &db, 0, "Moo");
    assert!(matches!(nobody, Err(Failure::Query(Error::NotFound))), "{nobody:?}");
}

/// A reader in another process (with a runtime and the same fetch functions) has read a user from the database, but
/// not stored it in Redis yet, when the user changes. The control changes the row without an invalidation.
#[test]
fn a_slow_reader_does_not_leave_the_old_user() {
    let (_folder, redis, db) = servers();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (email, control, fill, posts) in
        [("ann@x.org", false, Fill::Refused, 1), ("bea@x.org", true, Fill::Stored, 0)]
    {
        let writer = CacheCow::open_with(patient(), &redis.url()).unwrap();
        let id = User::register(&writer, &db, email).unwrap().id;
        runtime.block_on(async {
            let reader = TestCache::open(&redis.url()).unwrap();
            let (of_writer, writer) = (db.clone(), writer.clone());
            reader.before_next_fill(async move {
                if control {
                    let row = diesel::update(users::table).set(users::posts.eq(1));
                    row.execute(&mut of_writer.get().unwrap()).unwrap();
                } else {
                    Post::publish(&writer, &of_writer, id, "Moo").unwrap();
                }
            });
            let read = reader.with(&db).read(User::by_id(id)).await.unwrap();
            assert_eq!((read.value.unwrap().posts, read.fill), (0, fill));
            let next = reader.with(&db).get(User::by_id(id)).await.unwrap();
            assert_eq!(next.unwrap().posts, posts);
        });
    }
}

#[test]
fn without_redis_everything_works() {
    let (_folder, mut redis, db) = servers();
    let builder = Builder::default().close_timeout(Duration::from_secs(60));
    let cow = CacheCow::open_with(builder, &redis.url()).unwrap();
    let ann = User::register(&cow, &db, "ann@x.org").unwrap().id;
    cow.with(&db).get(User::by_id(ann)).unwrap();

    redis.kill();
    Post::publish(&cow, &db, ann, "Moo").unwrap();
    let read = cow.with(&db).read(User::by_id(ann)).unwrap();
    assert_eq!((read.value.unwrap().posts, read.source), (1, Source::Fetched));
    assert_eq!(cow.with(&db).list(Post::list_by_author(ann)).unwrap().len(), 1);
    assert_ne!(cow.stats().pending_invalidations, 0);

    redis.restart();
    cow.close().expect("cachecow tells Redis what it has missed");
    assert_eq!(cow.stats().pending_invalidations, 0);
}
