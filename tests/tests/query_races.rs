//! Invalidations and writes at every point of a query's read, forced step by step.

use std::sync::Arc;
use std::time::Duration;

use cachecow::protocol::{Command, Token};
use cachecow::{BackendError, CacheBackend, CacheCow, Fill, Key, MemoryBackend, Request};
use cachecow_tests::backends::{Fate, Scripted, Which, claims};
use cachecow_tests::board::{Author, Board, Post, is_cached, top_posts, votes};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::on_both_backends;
use futures_util::future::BoxFuture;

/// The commands of a cold read, in their order; between the first and the second it fetches.
const STEPS: [(&str, Which); 3] = [
    ("the claim and the tags", claims),
    ("the tags again", |command| matches!(command, Command::TakeEpoch { .. })),
    ("the fill", |command| matches!(command, Command::Fill { .. })),
];

/// Every point of a cold read; `None` is the fetch.
fn points() -> impl Iterator<Item = (&'static str, Option<Which>)> {
    STEPS.into_iter().map(|(name, which)| (name, Some(which))).chain([("the fetch", None)])
}

/// A cold read of author 1's posts, and something else when a step of it has had its effect and has not been
/// answered.
async fn meddle_in_a_cold_read(
    cache: &Cache,
    board: &Board,
    step: Option<Which>,
    meddle: impl Future<Output = ()>,
) -> Fill {
    let cow = cache.open_default();
    let gate = if let Some(which) = step {
        let gate = Gate::new();
        cache.script().next(which, Fate::AnswerLate(Arc::clone(&gate)));
        gate
    } else {
        board.gate()
    };
    let (read, ()) = tokio::join!(cow.with(board).read(top_posts::of(1, 9)), async {
        gate.arrived().await;
        meddle.await;
        gate.open();
    });
    read.unwrap().fill
}

/// What somebody changes, and how it is made known.
#[derive(Clone, Copy, Debug)]
enum Change {
    TagOfPosts,
    Post,
    WrittenPost,
    NamedAfterTheWork,
    TagOfAuthors,
    Author,
}

impl Change {
    const ALL: [Self; 6] = [
        Self::TagOfPosts,
        Self::Post,
        Self::WrittenPost,
        Self::NamedAfterTheWork,
        Self::TagOfAuthors,
        Self::Author,
    ];

    async fn carry_out(self, cow: &CacheCow, board: &Board) {
        let work = async || Ok::<_, ()>(board.vote(1));
        match self {
            Self::TagOfPosts => {
                board.vote(1);
                cow.invalidate_tag(Post::tag_author(1)).await.unwrap();
            }
            Self::Post => cow.invalidate_object(&board.vote(1)).await.unwrap(),
            Self::WrittenPost => {
                let post = Post { id: 1, author: 1, votes: 0 };
                cow.write(&post, work()).await.unwrap();
            }
            Self::NamedAfterTheWork => {
                cow.write((), work()).invalidating(Clone::clone).await.unwrap();
            }
            Self::TagOfAuthors => {
                board.rename(1, "Ann");
                cow.invalidate_tag(Author::tag_all()).await.unwrap();
            }
            Self::Author => cow.invalidate_object(&board.rename(1, "Ann")).await.unwrap(),
        }
    }
}

/// Whether what a cache has of author 1's posts is what the board has.
async fn is_true(cow: &CacheCow, board: &Board) -> bool {
    let cached = cow.with(board).ask(top_posts::of(1, 9)).await.unwrap();
    *cached == top_posts(board, 1, 9).await.unwrap()
}

on_both_backends! {
    async fn a_change_at_every_point_of_a_cold_read_leaves_nothing_stale(cache) {
        for change in Change::ALL {
            for (name, step) in points() {
                let (board, other) = (Board::new(), cache.open_default());
                let fill = meddle_in_a_cold_read(&cache, &board, step, async {
                    change.carry_out(&other, &board).await;
                }).await;
                assert!(is_true(&other, &board).await, "{change:?} after {name}: {fill:?}");
                assert!(is_cached(&other, &board, 1).await, "{change:?} after {name}");
                let refused = matches!(name, "the claim and the tags" | "the fetch");
                assert_eq!(fill == Fill::Refused, refused, "{change:?} after {name}: {fill:?}");
                other.invalidate(top_posts::of(1, 9)).await.unwrap();
            }
        }
    }

    /// What it has read is older than the invalidation that it came after.
    async fn a_caller_who_joins_after_a_change_is_given_what_is_newer(cache) {
        for change in Change::ALL {
            let (board, cow) = (Board::new(), cache.open_default());
            let gate = board.gate();
            let (_, late, ()) = tokio::join!(
                cow.with(&board).get(top_posts::of(1, 9)),
                async {
                    gate.arrived().await;
                    change.carry_out(&cow, &board).await;
                    is_true(&cow, &board).await
                },
                async {
                    // The late caller has joined, or reads for itself.
                    while cow.stats().of("top_posts").joins == 0 && board.reads() < 2 {
                        tokio::task::yield_now().await;
                    }
                    gate.open();
                },
            );
            assert!(late, "{change:?}");
            cow.invalidate(top_posts::of(1, 9)).await.unwrap();
        }
    }

    async fn nothing_is_stored_while_a_write_is_under_way(cache) {
        let (board, cow, other) = (Board::new(), cache.open_default(), cache.open_default());
        let post = Post { id: 1, author: 1, votes: 0 };
        let work = async {
            // Before the change takes effect.
            let read = other.with(&board).read(top_posts::of(1, 9)).await.unwrap();
            assert_eq!(read.fill, Fill::Refused);
            let elsewhere = other.with(&board).read(top_posts::of(2, 9)).await.unwrap();
            assert_eq!(elsewhere.fill, Fill::Stored, "another author's");
            Ok::<_, ()>(board.vote(1))
        };
        cow.write(&post, work).await.unwrap();
        assert_eq!(votes(&other, &board, 1).await, 2);
        assert!(is_cached(&other, &board, 1).await && is_cached(&other, &board, 2).await);
    }

    /// What is read during a write whose writer dies after its work must not be stored.
    async fn a_writer_who_dies_leaves_nothing_stale(cache) {
        assert!(!stale_after_a_dead_writer(&cache.open_default(), &cache.open_default()).await);
    }
}

/// Whether an answer from before the work is served after a writer who died between the work and the release.
async fn stale_after_a_dead_writer(cow: &CacheCow, other: &CacheCow) -> bool {
    let (board, worked) = (Board::new(), Gate::new());
    let post = Post { id: 1, author: 1, votes: 0 };
    let work = async {
        // Read before the work takes effect, and stored if anything lets it.
        votes(other, &board, 1).await;
        board.vote(1);
        worked.pass().await;
        Ok::<_, ()>(())
    };
    let write = cow.write(&post, work).into_future();
    tokio::select! {
        biased;
        _ = write => unreachable!("the work does not end"),
        () = worked.arrived() => {}
    }
    votes(other, &board, 1).await == 1
}

/// Ends epochs where it is to hold them, as a protocol would that ends an answer's epoch before and after the work.
#[derive(Debug)]
struct Holdless(MemoryBackend);

impl CacheBackend for Holdless {
    fn execute(
        &self,
        mut requests: Vec<Request>,
    ) -> BoxFuture<'_, Vec<Result<cachecow::protocol::Reply, BackendError>>> {
        for request in &mut requests {
            if matches!(request.command, Command::HoldEpoch { .. }) {
                request.command = Command::EndEpoch;
            }
        }
        self.0.execute(requests)
    }

    fn ping(&self) -> BoxFuture<'_, Result<(), BackendError>> {
        self.0.ping()
    }

    fn reset(&self) {
        self.0.reset();
    }
}

#[tokio::test(start_paused = true)]
async fn the_control_without_holds_serves_what_is_stale_after_a_dead_writer() {
    let backend = Scripted::new(Holdless(MemoryBackend::default()));
    let open = || CacheCow::builder().backend(backend.clone()).unwrap();
    assert!(stale_after_a_dead_writer(&open(), &open()).await);
}

/// One of two tags whose epoch seems never to end: the other alone does not notice.
#[tokio::test(start_paused = true)]
async fn the_control_without_one_of_the_guards_serves_what_is_stale() {
    let tags: [(Key, Change); 2] = [
        (Post::tag_author(1).queries().key(), Change::Post),
        (Author::tag_all().queries().key(), Change::Author),
    ];
    for (guard, unnoticed) in tags {
        for change in [Change::Post, Change::Author] {
            let (cache, board) = (Cache::guardless(guard), Board::new());
            let other = cache.open_default();
            meddle_in_a_cold_read(&cache, &board, None, async {
                change.carry_out(&other, &board).await;
            })
            .await;
            let is_unnoticed = matches!(
                (unnoticed, change),
                (Change::Post, Change::Post) | (Change::Author, Change::Author)
            );
            assert_eq!(is_true(&other, &board).await, !is_unnoticed, "{change:?}");
        }
    }
}

/// Nothing of the protocol: a read that fills whatever came in between.
#[tokio::test(start_paused = true)]
async fn the_control_without_tokens_serves_what_is_stale() {
    let (cache, board) = (Cache::tokenless(), Board::new());
    let (cow, other) = (cache.open_default(), cache.open_default());
    let gate = board.gate();
    let invalidate = async {
        gate.arrived().await;
        board.vote(1);
        other.invalidate(top_posts::of(1, 9)).await.unwrap();
        // Somebody else has taken the flag.
        let claim = Command::Claim {
            token: Token::from_bytes([1; 16]),
            lease: Duration::from_secs(60),
            replacing: None,
        };
        cache.ask(&top_posts::of(1, 9), claim).await;
        gate.open();
    };
    let _ = tokio::join!(cow.with(&board).read(top_posts::of(1, 9)), invalidate);
    assert!(!is_true(&other, &board).await);
}
