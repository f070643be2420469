//! Changes at every point of a read of a list, forced step by step.

use std::sync::Arc;

use cachecow::protocol::Command;
use cachecow::{CacheCow, Cached, ListLookup as _};
use cachecow_tests::backends::{Fate, Which};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use cachecow_tests::posts::{Post, Posts, listed};
use cachecow_tests::store::StoreDown;

/// The commands of a cold read of a list, in their order; between the first and the second it fetches.
const STEPS: [(&str, Which); 4] = [
    ("the claim and the guard", |command| matches!(command, Command::Claim { .. })),
    ("the tag's epoch", |command| matches!(command, Command::TakeEpoch { .. })),
    ("the guard again", |command| matches!(command, Command::ReadEpoch)),
    ("the fill", |command| matches!(command, Command::Fill { .. })),
];

/// Every point of a cold read; `None` is the fetch.
fn points() -> impl Iterator<Item = (&'static str, Option<Which>)> {
    STEPS.into_iter().map(|(name, which)| (name, Some(which))).chain([("the fetch", None)])
}

/// A read of the list of author 1, and something else when a step of it has had its effect and has not been
/// answered.
async fn meddle(
    cache: &Cache,
    posts: &Posts,
    step: Option<Which>,
    meddle: impl Future<Output = ()>,
) {
    let cow = cache.open_default();
    let gate = if let Some(which) = step {
        let gate = Gate::new();
        cache.script().next(which, Fate::AnswerLate(Arc::clone(&gate)));
        gate
    } else {
        posts.gate()
    };
    tokio::join!(listed(&cow, posts, 1), async {
        gate.arrived().await;
        meddle.await;
        gate.open();
    });
}

/// Moves post 100 from author 1 to author 2, naming both states or only the old one.
async fn move_away(cow: &CacheCow, posts: &Posts, names_both: bool) {
    let old = posts.row(100);
    let new = old.moved_to(2);
    let work = async {
        posts.put(new.clone());
        Ok::<_, StoreDown>(())
    };
    let named = names_both.then_some(&new);
    cow.write((&old, named), work).await.unwrap();
}

/// How often post 100 is in the two lists.
async fn times_listed(cow: &CacheCow, posts: &Posts) -> usize {
    let lists = [listed(cow, posts, 1).await, listed(cow, posts, 2).await];
    lists.iter().flatten().filter(|id| **id == 100).count()
}

/// What a caller reads who joins the load of a list after one of its objects was invalidated by its own key.
async fn seen_by_who_joins(cow: &CacheCow, posts: &Posts, reads: impl AsyncFn() -> u64) -> u64 {
    let gate = posts.gate();
    let (_, late, ()) = tokio::join!(
        reads(),
        async {
            gate.arrived().await;
            posts.bump();
            cow.invalidate(Post::by_id(100)).await.unwrap();
            reads().await
        },
        async {
            while cow.stats().types.values().all(|stats| stats.joins == 0) {
                tokio::task::yield_now().await;
            }
            gate.open();
        },
    );
    late
}

on_both_backends! {
    async fn a_member_that_moves_at_any_point_of_a_read_is_in_one_list(cache) {
        for (name, step) in points() {
            let (posts, other) = (Posts::by([1, 2], 2), cache.open_default());
            listed(&other, &posts, 2).await;
            meddle(&cache, &posts, step, async {
                move_away(&other, &posts, true).await;
                assert_eq!(times_listed(&cache.open_default(), &posts).await, 1, "during {name}");
            }).await;
            for cow in [&other, &cache.open_default()] {
                assert_eq!(times_listed(cow, &posts).await, 1, "after {name}");
                assert_eq!(listed(cow, &posts, 2).await, [201, 200, 100], "after {name}");
            }
            other.invalidate((Post::list_by_author_id(1), Post::list_by_author_id(2))).await.unwrap();
            other.invalidate_many([100, 101, 200, 201].map(Post::by_id)).await.unwrap();
        }
    }

    async fn an_insert_or_a_delete_at_any_point_of_a_read_reaches_the_list(cache) {
        for (name, step) in points() {
            let (posts, other) = (Posts::by([1], 2), cache.open_default());
            meddle(&cache, &posts, step, async {
                let (gone, new) = (posts.row(100), Post::new(102, 1));
                posts.remove(100);
                posts.put(new.clone());
                other.invalidate((&gone, &new)).await.unwrap();
            }).await;
            assert_eq!(listed(&cache.open_default(), &posts, 1).await, [102, 101], "after {name}");
            let all = [100, 101, 102].map(|id| Post::new(id, 1));
            other.invalidate(all.as_slice()).await.unwrap();
        }
    }

    async fn a_tag_at_any_point_of_a_read_reaches_the_list(cache) {
        for (name, step) in points() {
            let (posts, other) = (Posts::by([1], 1), cache.open_default());
            meddle(&cache, &posts, step, async {
                posts.put(Post::new(101, 1));
                other.invalidate_tag(Post::tag_author_id(1)).await.unwrap();
            }).await;
            assert_eq!(listed(&cache.open_default(), &posts, 1).await, [101, 100], "after {name}");
            other.invalidate([&posts.row(100), &posts.row(101)]).await.unwrap();
        }
    }

    async fn who_joins_the_load_of_a_list_is_given_no_object_of_it(cache) {
        let (posts, cow) = (Posts::by([1], 1), cache.open_default());
        let reads = async || {
            cow.with(&posts).list(Post::list_by_author_id(1)).await.unwrap()[0].version
        };
        assert_eq!(seen_by_who_joins(&cow, &posts, reads).await, 2);
        assert_eq!(reads().await, 2);
    }

    async fn an_object_that_changes_between_the_list_and_itself_is_the_new_one(cache) {
        let (posts, cow) = (Posts::by([1], 3), cache.open_default());
        listed(&cow, &posts, 1).await;
        cow.invalidate_many([100, 101, 102].map(Post::by_id)).await.unwrap();
        // The fetch of the objects has read them.
        let gate = posts.gate();
        tokio::join!(listed(&cow, &posts, 1), async {
            gate.arrived().await;
            posts.bump();
            cow.invalidate_many([100, 101, 102].map(Post::by_id)).await.unwrap();
            gate.open();
        });
        let list = cow.with(&posts).list(Post::list_by_author_id(1)).await.unwrap();
        assert!(list.iter().all(|post| post.version == 2), "{list:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn control_a_write_of_the_old_state_alone_leaves_the_new_list_as_it_was() {
    let cache = Cache::memory();
    let (posts, cow) = (Posts::by([1, 2], 2), cache.open_default());
    assert_eq!(times_listed(&cow, &posts).await, 1);
    move_away(&cow, &posts, false).await;
    assert_eq!(times_listed(&cow, &posts).await, 0, "the control must find it in neither");
}

#[tokio::test(start_paused = true)]
async fn control_without_tokens_a_member_is_in_both_lists_or_in_a_wrong_one() {
    let mut stale = 0;
    for (_, step) in points() {
        let cache = Cache::tokenless();
        let (posts, other) = (Posts::by([1, 2], 2), cache.open_default());
        let key = Post::list_by_author_id(1).key().key();
        meddle(&cache, &posts, step, async {
            move_away(&other, &posts, true).await;
            // Another reader has the flag by now, which is the first one's for all that it knows.
            let token = cachecow::protocol::Token::from_bytes(*b"a foreign token!");
            let lease = std::time::Duration::from_secs(60);
            cache.ask_key(key, Command::Claim { token, lease, replacing: None }).await;
        })
        .await;
        // What the list itself says; the objects' own keys would leave the moved one out.
        let cow = cache.open_default();
        listed(&cow, &posts, 1).await;
        posts.put(Post::new(100, 1));
        cow.invalidate(Post::by_id(100)).await.unwrap();
        stale += usize::from(listed(&cow, &posts, 1).await.contains(&100));
    }
    assert!(stale > 0, "the control must find a list that has what had left it");
}

#[tokio::test(start_paused = true)]
async fn control_without_the_guard_a_list_survives_its_tag() {
    let cache = Cache::guardless(Post::tag_scope().key());
    let (posts, other) = (Posts::by([1], 1), cache.open_default());
    meddle(&cache, &posts, None, async {
        posts.put(Post::new(101, 1));
        other.invalidate_tag(Post::tag_author_id(1)).await.unwrap();
    })
    .await;
    assert_eq!(listed(&other, &posts, 1).await, [100], "the control must find the old list");
}

/// A list that holds its objects, as one would cache it by hand.
#[derive(Clone, Cached)]
#[cache(context = Posts)]
#[cache(key = "posts:{author_id}", fetch = PostsOf::fetch)]
struct PostsOf {
    author_id: i64,
    posts: Vec<Row>,
}

#[derive(Clone, cachecow::CacheSchema)]
struct Row {
    version: u64,
}

impl PostsOf {
    async fn fetch(posts: &Posts, author_id: i64) -> Result<Self, StoreDown> {
        let posts = posts.by_author(author_id).await?;
        let posts = posts.iter().map(|post| Row { version: post.version }).collect();
        Ok(Self { author_id, posts })
    }
}

#[tokio::test(start_paused = true)]
async fn control_who_is_given_the_objects_of_a_joined_load_reads_an_invalidated_one() {
    let cow = Cache::memory().open_default();
    let posts = Posts::by([1], 1);
    let reads = async || {
        let list = cow.with(&posts).get(PostsOf::by_author_id(1)).await.unwrap();
        list.unwrap().posts[0].version
    };
    assert_eq!(seen_by_who_joins(&cow, &posts, reads).await, 1, "the control must find it");
}
