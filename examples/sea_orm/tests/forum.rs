//! The forum on SQLite and a real Redis.

use std::time::Duration;

use cachecow::testing::{RedisServer, TestCache};
use cachecow::{CacheCow, Fill, Source};
use forum::{Post, User};
use sea_orm::{ConnectionTrait as _, DatabaseConnection, DbErr, SqlErr};
use tempfile::TempDir;

/// A database, and a Redis.
async fn servers() -> (TempDir, RedisServer, DatabaseConnection) {
    let redis = cachecow::testing::redis().unwrap_or_else(|error| panic!("{error}"));
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/forum?mode=rwc", folder.path().display());
    (folder, redis, forum::open(&url).await.unwrap())
}

/// A cache to which a busy machine does not pass for an outage.
async fn open(redis: &RedisServer) -> CacheCow {
    let longest = Duration::from_secs(20);
    let builder = CacheCow::builder().operation_timeout(longest).connect_timeout(longest);
    builder.open(&redis.url()).await.unwrap()
}

#[tokio::test]
async fn what_is_written_is_read() {
    let (_folder, redis, db) = servers().await;
    let cow = open(&redis).await;
    let view = || cow.with(&db);
    assert!(view().get(User::by_email("ann@x.org")).await.unwrap().is_none());
    let ann = User::register(&cow, &db, "ann@x.org", "Ann").await.unwrap();
    for source in [Source::Fetched, Source::Cache] {
        let read = view().read(User::by_email("ann@x.org")).await.unwrap();
        assert_eq!((read.value.as_deref(), read.source), (Some(&ann), source));
        let many = view().get_many([ann.id, 0].map(User::by_id)).await.unwrap();
        assert_eq!(many.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false]);
    }
    // By the names in the attributes: in Rust each struct is called `Model`.
    assert!(cow.stats().types.keys().copied().eq(["User"]));
    let moved = ann.change_email(&cow, &db, "ann@y.org").await.unwrap();
    assert!(view().get(User::by_email("ann@x.org")).await.unwrap().is_none());
    assert_eq!(view().read(User::by_id(ann.id)).await.unwrap().source, Source::Cache);
    assert_eq!(view().get(User::by_email("ann@y.org")).await.unwrap().as_deref(), Some(&moved));
}

#[tokio::test]
async fn a_post_moves_from_list_to_list() {
    let (_folder, redis, db) = servers().await;
    let cow = open(&redis).await;
    let lists = async || {
        let list = async |author| {
            let posts = cow.with(&db).list(Post::list_by_author(author)).await.unwrap();
            posts.iter().map(|post| post.title.clone()).collect::<Vec<_>>()
        };
        (list(1).await, list(2).await)
    };
    assert_eq!(lists().await, (vec![], vec![]));
    let post = Post::publish(&cow, &db, 1, "Moo").await.unwrap();
    assert_eq!(cow.with(&db).get(Post::by_id(post.id)).await.unwrap().as_deref(), Some(&post));
    assert_eq!(lists().await, (vec!["Moo".to_owned()], vec![]));
    Post::give(&cow, &db, post.id, 2).await.unwrap();
    assert_eq!(lists().await, (vec![], vec!["Moo".to_owned()]));
    assert_eq!(cow.with(&db).get(Post::by_id(post.id)).await.unwrap().unwrap().author, 2);
}

#[tokio::test]
async fn sea_orm_s_error_comes_through_write_as_it_is() {
    let (_folder, redis, db) = servers().await;
    let cow = open(&redis).await;
    User::register(&cow, &db, "ann@x.org", "Ann").await.unwrap();
    let taken = User::register(&cow, &db, "ann@x.org", "Another").await.unwrap_err();
    assert!(matches!(taken.sql_err(), Some(SqlErr::UniqueConstraintViolation(_))), "{taken}");
    let none = Post::give(&cow, &db, 7, 2).await.unwrap_err();
    assert_eq!(none, DbErr::RecordNotFound("post 7".to_owned()));
}

/// A reader in another process has read a user from the database, but not stored it in Redis yet, when the user
/// changes. The control changes the row without an invalidation.
#[tokio::test]
async fn a_slow_reader_does_not_leave_the_old_user() {
    for (control, fill, email) in
        [(false, Fill::Refused, "ann@y.org"), (true, Fill::Stored, "ann@x.org")]
    {
        let (_folder, redis, db) = servers().await;
        let writer = open(&redis).await;
        let reader = TestCache::open(&redis.url()).unwrap();
        let ann = User::register(&writer, &db, "ann@x.org", "Ann").await.unwrap();

        let (id, of_writer) = (ann.id, db.clone());
        reader.before_next_fill(async move {
            if control {
                let update = "UPDATE users SET email = 'ann@y.org'";
                of_writer.execute_unprepared(update).await.unwrap();
            } else {
                ann.change_email(&writer, &of_writer, "ann@y.org").await.unwrap();
            }
        });
        let read = reader.with(&db).read(User::by_id(id)).await.unwrap();
        assert_eq!((read.value.unwrap().email.as_str(), read.fill), ("ann@x.org", fill));
        let next = reader.with(&db).get(User::by_id(id)).await.unwrap();
        assert_eq!(next.unwrap().email, email);
    }
}

#[tokio::test]
async fn without_redis_everything_works() {
    let (_folder, mut redis, db) = servers().await;
    let builder = CacheCow::builder().close_timeout(Duration::from_secs(60));
    let cow = builder.open(&redis.url()).await.unwrap();
    let ann = User::register(&cow, &db, "ann@x.org", "Ann").await.unwrap();
    cow.with(&db).get(User::by_id(ann.id)).await.unwrap();

    redis.kill();
    let new = ann.change_email(&cow, &db, "ann@y.org").await.unwrap();
    let read = cow.with(&db).read(User::by_id(ann.id)).await.unwrap();
    assert_eq!((read.value.as_deref(), read.source), (Some(&new), Source::Fetched));
    assert!(cow.with(&db).get(User::by_email("ann@x.org")).await.unwrap().is_none());
    assert_ne!(cow.stats().pending_invalidations, 0);

    redis.restart().unwrap();
    cow.close().await.expect("cachecow tells Redis what it has missed");
    assert_eq!(cow.stats().pending_invalidations, 0);
}
