//! What a process remembers of a list, to ask for it and for its objects at once.

use std::time::Duration;

use cachecow::CacheCow;
use cachecow_tests::on_both_backends;
use cachecow_tests::patient::patient;
use cachecow_tests::posts::{Post, Posts, listed};
use cachecow_tests::servers::RedisServer;
use cachecow_tests::store::StoreDown;
use redis::aio::MultiplexedConnection;

/// Enough hits for reads to begin with a lookup.
const HITS: usize = 32;

async fn warm_up(cow: &CacheCow, posts: &Posts, author: i64) {
    for _ in 0..HITS {
        listed(cow, posts, author).await;
    }
}

async fn round_trips(
    server: &RedisServer,
    look: &mut MultiplexedConnection,
    (cow, posts, author): (&CacheCow, &Posts, i64),
) -> u64 {
    let before = server.reads(look).await;
    listed(cow, posts, author).await;
    // The second question is itself a read, and was not there before.
    server.reads(look).await - before - 1
}

#[tokio::test]
async fn a_list_costs_the_round_trips_it_says() {
    let server = RedisServer::start();
    let mut look = server.connection().await;
    let posts = Posts::by([1, 2], 20);
    let open = async || {
        let builder = patient();
        let cow = builder.open(&server.url()).await.unwrap();
        cow.ping().await.unwrap();
        cow
    };
    let (cow, other) = (open().await, open().await);
    warm_up(&cow, &posts, 1).await;
    warm_up(&other, &posts, 2).await;
    assert_eq!(round_trips(&server, &mut look, (&cow, &posts, 1)).await, 1, "a hit");
    // With tags that are not remembered: the list, its tag's epoch, the objects, and theirs.
    assert_eq!(round_trips(&server, &mut look, (&other, &posts, 1)).await, 4, "the first hit");
    assert_eq!(round_trips(&server, &mut look, (&other, &posts, 1)).await, 1, "the second hit");
    // Another process fetches the list anew, with one member more.
    let new = Post::new(120, 1);
    let insert = async {
        posts.put(new.clone());
        Ok::<_, StoreDown>(())
    };
    other.write(&new, insert).await.unwrap();
    listed(&other, &posts, 1).await;
    assert_eq!(round_trips(&server, &mut look, (&cow, &posts, 1)).await, 3, "with a new member");
    assert_eq!(round_trips(&server, &mut look, (&cow, &posts, 1)).await, 1, "which is known now");
    let fetches = posts.fetches();
    other.invalidate(Post::list_by_author_id(1)).await.unwrap();
    listed(&other, &posts, 1).await;
    assert_eq!(posts.fetches(), fetches + 1);
    assert_eq!(round_trips(&server, &mut look, (&cow, &posts, 1)).await, 1, "of the same members");
}

on_both_backends! {
    async fn what_is_remembered_is_not_believed(cache) {
        let (posts, cow, other) = (Posts::by([1, 2], 4), cache.open_default(), cache.open_default());
        warm_up(&cow, &posts, 1).await;
        warm_up(&cow, &posts, 2).await;
        // One leaves for another list, one is deleted, one comes, one is changed: all by another process.
        let old = posts.row(100);
        let (new, gone, inserted) = (old.moved_to(2), posts.row(101), Post::new(150, 1));
        let work = async {
            posts.put(new.clone());
            posts.remove(101);
            posts.put(inserted.clone());
            posts.put(Post { version: 7, ..posts.row(102) });
            Ok::<_, StoreDown>(())
        };
        other.write(((&old, &new), &gone, &inserted, Post::by_id(102)), work).await.unwrap();
        for cow in [&cow, &other] {
            let list = cow.with(&posts).list(Post::list_by_author_id(1)).await.unwrap();
            let seen: Vec<_> = list.iter().map(|post| (post.id, post.version)).collect();
            assert_eq!(seen, [(150, 1), (103, 1), (102, 7)]);
            assert_eq!(listed(cow, &posts, 2).await, [203, 202, 201, 200, 100]);
        }
    }

    async fn another_order_is_another_list(cache) {
        let (posts, cow, other) = (Posts::by([1], 3), cache.open_default(), cache.open_default());
        warm_up(&cow, &posts, 1).await;
        posts.remove(101);
        posts.put(Post::new(90, 1));
        other.invalidate(Post::list_by_author_id(1)).await.unwrap();
        assert_eq!(listed(&other, &posts, 1).await, [102, 100, 90]);
        assert_eq!(listed(&cow, &posts, 1).await, [102, 100, 90]);
        posts.remove(90);
        posts.put(Post::new(101, 1));
        other.invalidate((Post::list_by_author_id(1), Post::by_id(101), Post::by_id(90))).await.unwrap();
        assert_eq!(listed(&other, &posts, 1).await, [102, 101, 100]);
        assert_eq!(listed(&cow, &posts, 1).await, [102, 101, 100]);
    }

    async fn an_object_that_is_missing_is_fetched_alone(cache) {
        let (posts, cow) = (Posts::by([1], 4), cache.open_default());
        warm_up(&cow, &posts, 1).await;
        let batches = posts.batches().len();
        cow.invalidate(Post::by_id(102)).await.unwrap();
        assert_eq!(listed(&cow, &posts, 1).await, [103, 102, 101, 100]);
        assert_eq!(posts.batches()[batches..], [vec![102]]);
        assert!(cache.has(&Post::by_id(102)).await);
    }

    async fn with_the_near_tier_a_list_is_served_from_memory(cache) {
        let (posts, other) = (Posts::by([1], 4), cache.open_default());
        let cow = cache.open(patient().near(1 << 20).near_lag(Duration::from_secs(20)));
        warm_up(&cow, &posts, 1).await;
        let near_hits = async || {
            let before = cow.stats().of("Post").near_hits;
            listed(&cow, &posts, 1).await;
            cow.stats().of("Post").near_hits - before
        };
        // Nothing is near before the connection stands that hears of changes.
        let heard = async { while near_hits().await != 4 {} };
        tokio::time::timeout(Duration::from_secs(60), heard).await.expect("it stands at last");
        assert_eq!(near_hits().await, 4);
        posts.remove(100);
        other.invalidate_object(&Post::new(100, 1)).await.unwrap();
        let seen = cow.with(&posts).past_near().list(Post::list_by_author_id(1)).await.unwrap();
        assert_eq!(seen.len(), 3);
    }

    async fn the_memory_of_what_is_remembered_is_bounded(cache) {
        let (posts, cow) = (Posts::by(1..=40, 10), cache.open(CacheCow::builder().hints(64)));
        for _ in 0..3 {
            for author in 1..=40 {
                assert_eq!(listed(&cow, &posts, author).await.len(), 10);
            }
        }
        assert_eq!(posts.lists(), 40);
    }
}
