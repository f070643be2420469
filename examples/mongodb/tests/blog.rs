//! The posts on a real Redis, and on a MongoDB or a stand-in for it.

use std::process::Command;
use std::time::Duration;

use blog::Post;
use cachecow::testing::TestCache;
use cachecow::{CacheCow, Fill, Source};
use cachecow_tests::patient::patient;
use cachecow_tests::servers::{MongoServer, RedisServer};
use mongodb::Collection;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::{DateTime, doc};
use mongodb::error::{ErrorKind, WriteFailure};

/// A new collection for the test.
async fn posts(server: &MongoServer) -> Collection<Post> {
    let name = format!("cachecow_tests_blog_{}", ObjectId::new());
    blog::open(server.url(), &name).await.expect("the server runs")
}

async fn cow(server: &RedisServer) -> CacheCow {
    patient().open(&server.url()).await.expect("a valid address")
}

/// A post of Ann's. The stand-in for MongoDB compares dates only by seconds.
fn post(title: &str, seconds: i64) -> Post {
    Post {
        id: ObjectId::new(),
        title: title.to_owned(),
        author: "ann".to_owned(),
        published: DateTime::from_millis(seconds * 1000 + 1),
        views: 1 << 40,
        labels: vec!["cows".to_owned()],
    }
}

#[tokio::test]
async fn a_post_is_found_by_each_of_its_fields_and_cached() {
    let (mongo, redis) = (MongoServer::start(), RedisServer::start());
    let (posts, cow) = (posts(&mongo).await, cow(&redis).await);
    let (first, other) = (post("First Title", 1), post("Other Title", 2));
    let view = || cow.with(&posts);
    // The absence is cached, too, and the insert invalidates it.
    assert!(view().get(Post::by_title("First Title")).await.unwrap().is_none());
    assert!(view().list(Post::list_by_author("ann")).await.unwrap().is_empty());
    first.publish(&cow, &posts).await.unwrap();
    other.publish(&cow, &posts).await.unwrap();

    for source in [Source::Fetched, Source::Cache] {
        let read = view().read(Post::by_title("First Title")).await.unwrap();
        assert_eq!((read.value.as_deref(), read.source), (Some(&first), source));
    }
    for _ in 0..2 {
        let by_date = view().get(Post::by_date("ann", first.published)).await.unwrap();
        assert_eq!(by_date.as_deref(), Some(&first));
        let many =
            view().get_many([&other, &first].map(|post| Post::by_id(post.id))).await.unwrap();
        let many: Vec<_> = many.iter().flatten().map(|post| &post.title).collect();
        assert_eq!(many, ["Other Title", "First Title"]);
        assert_eq!(view().list(Post::list_by_author("ann")).await.unwrap().len(), 2);
    }

    let new = Post::retitle(&cow, &posts, first.id, "New Title").await.unwrap();
    assert!(view().get(Post::by_title("First Title")).await.unwrap().is_none());
    assert_eq!(view().get(Post::by_title("New Title")).await.unwrap().as_deref(), new.as_ref());
    let counted = Post::count_view(&cow, &posts, first.id).await.unwrap().unwrap();
    assert_eq!(counted.views, (1 << 40) + 1);
    let read = view().read(Post::by_id(first.id)).await.unwrap();
    assert_eq!((read.value.as_deref(), read.source), (Some(&counted), Source::Cache));

    Post::remove(&cow, &posts, first.id).await.unwrap();
    assert!(view().get(Post::by_id(first.id)).await.unwrap().is_none());
    assert!(view().get(Post::by_title("New Title")).await.unwrap().is_none());
    assert!(view().get(Post::by_date("ann", first.published)).await.unwrap().is_none());
    assert_eq!(view().list(Post::list_by_author("ann")).await.unwrap().len(), 1);
    posts.drop().await.unwrap();
}

/// A reader in another process has read a post from MongoDB, but not stored it in Redis yet, when the post changes.
/// The control changes the document without an invalidation.
#[tokio::test]
async fn a_slow_reader_does_not_leave_the_old_post() {
    let (mongo, redis) = (MongoServer::start(), RedisServer::start());
    let posts = posts(&mongo).await;
    for (title, control, fill, read_next) in [
        ("First Title", false, Fill::Refused, "New Title"),
        ("Control", true, Fill::Stored, "Control"),
    ] {
        let writer = cow(&redis).await;
        let reader = TestCache::open(&redis.url()).unwrap();
        let post = post(title, 1);
        post.publish(&writer, &posts).await.unwrap();

        let (id, of_writer) = (post.id, posts.clone());
        reader.before_next_fill(async move {
            if control {
                let update = doc! { "$set": { "title": "Other Title" } };
                of_writer.update_one(doc! { "_id": id }, update).await.unwrap();
            } else {
                Post::retitle(&writer, &of_writer, id, "New Title").await.unwrap();
            }
        });
        let read = reader.with(&posts).read(Post::by_id(id)).await.unwrap();
        assert_eq!((read.value.unwrap().title.as_str(), read.fill), (title, fill));
        let next = reader.with(&posts).get(Post::by_id(id)).await.unwrap();
        assert_eq!(next.unwrap().title, read_next);
    }
    posts.drop().await.unwrap();
}

#[tokio::test]
async fn without_redis_everything_works() {
    let (mongo, mut redis) = (MongoServer::start(), RedisServer::start());
    let posts = posts(&mongo).await;
    let builder = CacheCow::builder().close_timeout(Duration::from_secs(60));
    let cow = builder.open(&redis.url()).await.unwrap();
    let post = post("First Title", 1);
    post.publish(&cow, &posts).await.unwrap();
    let view = || cow.with(&posts);
    view().get(Post::by_id(post.id)).await.unwrap();

    redis.kill();
    let new = Post::retitle(&cow, &posts, post.id, "New Title").await.unwrap();
    let read = view().read(Post::by_title("New Title")).await.unwrap();
    assert_eq!((read.value.as_deref(), read.source), (new.as_ref(), Source::Fetched));
    assert!(view().get(Post::by_title("First Title")).await.unwrap().is_none());
    assert_ne!(cow.stats().pending_invalidations, 0);

    redis.restart();
    cow.close().await.expect("cachecow tells Redis what it has missed");
    assert_eq!(cow.stats().pending_invalidations, 0);
    posts.drop().await.unwrap();
}

#[tokio::test]
async fn the_driver_s_error_comes_through_write_as_it_is() {
    let (mongo, redis) = (MongoServer::start(), RedisServer::start());
    let (posts, cow) = (posts(&mongo).await, cow(&redis).await);
    post("First Title", 1).publish(&cow, &posts).await.unwrap();
    let taken = post("First Title", 1).publish(&cow, &posts).await.unwrap_err();
    let ErrorKind::Write(WriteFailure::WriteError(error)) = *taken.kind else { panic!("{taken}") };
    assert_eq!(error.code, 11_000, "{error:?}");
    posts.drop().await.unwrap();
}

#[test]
fn the_program_runs() {
    let (mongo, redis) = (MongoServer::start(), RedisServer::start());
    let mut program = Command::new(env!("CARGO_BIN_EXE_mongodb-example"));
    program.env("MONGODB_URL", mongo.url()).env("REDIS_URL", redis.url());
    let output = program.output().expect("it was built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "by _id: First Title, Fetched
by title: First Title, Fetched
by title: First Title, Cache
by date: First Title, Fetched
by the old title: none, Fetched
by the new title: Second Title, Fetched
once viewed: Second Title, Cache
of the author: 1
once removed: none, Fetched
"
    );
}
