//! The invalidation of a tag at every point of a read, forced step by step.

use std::sync::Arc;

use cachecow::protocol::{Command, Reply};
use cachecow::{CacheCow, Cached as _, Fill, Key, Source};
use cachecow_tests::backends::{Fate, Which};
use cachecow_tests::caches::Cache;
use cachecow_tests::gate::Gate;
use cachecow_tests::members::{Member, Members, ends, is_hit, reads_epochs, version};
use cachecow_tests::on_both_backends;

fn guard() -> Key {
    Member::tag_scope().key()
}

/// The commands of a cold read, in their order; between the first and the second it fetches.
const STEPS: [(&str, Which); 4] = [
    ("the claim and the guard", |command| matches!(command, Command::Claim { .. })),
    ("the tags' epochs", |command| matches!(command, Command::TakeEpoch { .. })),
    ("the guard again", reads_epochs),
    ("the fill", |command| matches!(command, Command::Fill { .. })),
];

/// A cold read of member 1, and something else when a step of it has had its effect and has not
/// been answered. `None` is the fetch.
async fn meddle_in_a_cold_read(
    cache: &Cache,
    members: &Members,
    step: Option<Which>,
    meddle: impl Future<Output = ()>,
) -> Fill {
    let cow = cache.open_default();
    let gate = if let Some(which) = step {
        let gate = Gate::new();
        cache.script().next(which, Fate::AnswerLate(Arc::clone(&gate)));
        gate
    } else {
        members.gate()
    };
    let (read, ()) = tokio::join!(cow.with(members).read(Member::by_id(1)), async {
        gate.arrived().await;
        meddle.await;
        gate.open();
    });
    read.unwrap().fill
}

/// Every point of a cold read.
fn points() -> impl Iterator<Item = (&'static str, Option<Which>)> {
    STEPS.into_iter().map(|(name, which)| (name, Some(which))).chain([("the fetch", None)])
}

/// What a caller gets who joins a load in which the object's tag was invalidated.
async fn seen_after_an_invalidation_in_a_load(cow: &CacheCow, members: &Members) -> u64 {
    let gate = members.gate();
    let (_, late, ()) = tokio::join!(
        cow.with(members).get(Member::by_id(1)),
        async {
            gate.arrived().await;
            members.bump();
            cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
            version(cow, members, 1).await
        },
        async {
            while cow.stats().of("Member").joins == 0 {
                tokio::task::yield_now().await;
            }
            gate.open();
        },
    );
    late
}

on_both_backends! {
    async fn an_object_that_moves_during_its_fetch_is_not_stored_under_its_old_tag(cache) {
        let members = Members::with(1);
        meddle_in_a_cold_read(&cache, &members, None, async {
            members.change(|member| member.org = 8);
            // Both groups changed; the read has the old one.
            cache.open_default().invalidate_tag(Member::tag_org(8)).await.unwrap();
        }).await;
        let member = cache.open_default().with(&members).get(Member::by_id(1)).await.unwrap();
        assert_eq!(member.unwrap().org, 8);
    }

    async fn an_invalidation_at_every_point_of_a_cold_read_leaves_nothing_stale(cache) {
        for (name, step) in points() {
            let members = Members::with(1);
            let other = cache.open_default();
            let fill = meddle_in_a_cold_read(&cache, &members, step, async {
                members.bump();
                other.invalidate_tag(Member::tag_org(1)).await.unwrap();
            }).await;
            assert_eq!(version(&other, &members, 1).await, 2, "after {name}: {fill:?}");
            assert!(is_hit(&other, &members, 1).await, "after {name}");
            let refused = matches!(name, "the tags' epochs" | "the fetch");
            assert_eq!(fill == Fill::Refused, refused || name == STEPS[0].0, "after {name}");
            other.invalidate(Member::by_id(1)).await.unwrap();
        }
    }

    async fn an_invalidation_whose_two_halves_lie_around_a_step_leaves_nothing_stale(cache) {
        // The guard has ended before the read began, or ends in its course; the tag ends later.
        for (name, step) in points() {
            for (guard_first, tag_later) in [(true, true), (true, false), (false, true)] {
                let members = Members::with(1);
                let end = Command::EndEpoch;
                // The invalidation begins after the change.
                if guard_first && tag_later {
                    members.bump();
                    assert_eq!(cache.ask_key(guard(), end.clone()).await, Reply::Done);
                }
                meddle_in_a_cold_read(&cache, &members, step, async {
                    if !(guard_first && tag_later) {
                        members.bump();
                        assert_eq!(cache.ask_key(guard(), end.clone()).await, Reply::Done);
                    }
                    if !tag_later {
                        let tag = Member::tag_org(1).key();
                        assert_eq!(cache.ask_key(tag, end.clone()).await, Reply::Done);
                    }
                }).await;
                if tag_later {
                    assert_eq!(cache.ask_key(Member::tag_org(1).key(), end).await, Reply::Done);
                }
                let cow = cache.open_default();
                assert_eq!(version(&cow, &members, 1).await, 2, "around {name}");
                cow.invalidate(Member::by_id(1)).await.unwrap();
            }
        }
    }

    async fn a_load_that_ends_within_an_invalidation_leaves_nothing_stale(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        let (fetch, half) = (members.gate(), Gate::new());
        let read = tokio::sync::Notify::new();
        tokio::join!(
            async {
                version(&cow, &members, 1).await;
                read.notify_one();
            },
            async {
                fetch.arrived().await;
                members.bump();
                cache.script().next(ends, Fate::AnswerLate(Arc::clone(&half)));
                cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
            },
            async {
                half.arrived().await;
                fetch.open();
                read.notified().await;
                half.open();
            },
        );
        assert_eq!(version(&cow, &members, 1).await, 2);
    }

    async fn a_lost_epoch_at_any_point_is_a_miss_at_the_worst(cache) {
        let tag = Member::tag_org(1).key();
        for (name, step) in points() {
            for lost in [vec![guard()], vec![tag], vec![guard(), tag]] {
                let members = Members::with(1);
                let cow = cache.open_default();
                meddle_in_a_cold_read(&cache, &members, step, async {
                    for key in &lost {
                        let end = Command::EndEpoch;
                        assert_eq!(cache.ask_key(*key, end).await, Reply::Done);
                    }
                }).await;
                assert_eq!(version(&cow, &members, 1).await, 1, "after {name}");
                assert!(is_hit(&cow, &members, 1).await, "and all is well again after {name}");
                members.bump();
                cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
                assert_eq!(version(&cow, &members, 1).await, 2, "after {name}");
                cow.invalidate(Member::by_id(1)).await.unwrap();
            }
        }
    }

    async fn a_caller_after_an_invalidation_does_not_share_the_load_before_it(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        assert_eq!(seen_after_an_invalidation_in_a_load(&cow, &members).await, 2);
    }

    async fn a_caller_after_the_guard_was_read_and_an_invalidation_does_not_share_the_fill(cache) {
        for step in [STEPS[2].1, STEPS[3].1] {
            let (members, cow) = (Members::with(1), cache.open_default());
            let answer = Gate::new();
            cache.script().next(step, Fate::AnswerLate(Arc::clone(&answer)));
            let (_, late) = tokio::join!(cow.with(&members).read(Member::by_id(1)), async {
                answer.arrived().await;
                members.bump();
                cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
                let (late, ()) = tokio::join!(version(&cow, &members, 1), async {
                    tokio::task::yield_now().await;
                    answer.open();
                });
                late
            });
            assert_eq!(late, 2);
            cow.invalidate(Member::by_id(1)).await.unwrap();
        }
    }

    async fn an_invalidation_during_a_load_by_an_alias_leaves_nothing_stale(cache) {
        // A load by an alias fetches twice, the second time under the claim of the primary key.
        for fetch in 0..2 {
            let (members, cow) = (Members::with(1), cache.open_default());
            let second = (fetch == 1).then(|| members.gate());
            let first = members.gate();
            let (_, late, ()) = tokio::join!(
                cow.with(&members).read(Member::by_number(1)),
                async {
                    first.arrived().await;
                    if let Some(second) = &second {
                        first.open();
                        second.arrived().await;
                    }
                    members.bump();
                    cow.invalidate_tag(Member::tag_org(1)).await.unwrap();
                    let late = cow.with(&members).get(Member::by_number(1)).await;
                    late.unwrap().unwrap().version
                },
                async {
                    first.arrived().await;
                    while cow.stats().of("Member").joins == 0 && members.fetches() < 3 {
                        if cow.stats().of("Member").contended > 0 {
                            break;
                        }
                        tokio::task::yield_now().await;
                    }
                    second.as_ref().unwrap_or(&first).open();
                },
            );
            assert_eq!(late, 2, "a caller after the invalidation, fetch {fetch}");
            for _ in 0..2 {
                let member = cow.with(&members).get(Member::by_number(1)).await.unwrap();
                assert_eq!(member.unwrap().version, 2, "by the alias, fetch {fetch}");
                assert_eq!(version(&cow, &members, 1).await, 2, "by the key, fetch {fetch}");
            }
            cow.invalidate(&Member { id: 1, org: 1, team: "b".into(), version: 2 }).await.unwrap();
        }
    }

    async fn an_object_that_is_not_stored_is_shared_under_the_guard_only(cache) {
        // Too large to be stored, it is handed to those who wait all the same.
        let members = Members::with(1);
        let cow = cache.open(CacheCow::builder().max_value_size(10));
        assert_eq!(seen_after_an_invalidation_in_a_load(&cow, &members).await, 2);
    }

    async fn a_step_that_fails_costs_the_fill_and_no_more(cache) {
        let (members, cow) = (Members::with(1), cache.open_default());
        for (name, which) in &STEPS[1..3] {
            cache.script().next(*which, Fate::LoseAnswer);
            let read = cow.with(&members).read(Member::by_id(1)).await.unwrap();
            assert_eq!((read.source, read.fill), (Source::Fetched, Fill::Refused), "{name}");
        }
        assert_eq!(cow.with(&members).read(Member::by_id(1)).await.unwrap().fill, Fill::Stored);
    }
}

/// A load overtaken by the invalidation of its object's tag. Returns what is read last.
async fn an_overtaken_load(cache: &Cache) -> u64 {
    let members = Members::with(1);
    let other = cache.open_default();
    meddle_in_a_cold_read(cache, &members, None, async {
        members.bump();
        other.invalidate_tag(Member::tag_org(1)).await.unwrap();
    })
    .await;
    version(&other, &members, 1).await
}

#[tokio::test]
async fn without_the_guard_an_overtaken_load_leaves_stale_data() {
    let last = an_overtaken_load(&Cache::guardless(guard())).await;
    assert_eq!(last, 1, "the control must find the stale read");
    assert_eq!(an_overtaken_load(&Cache::memory()).await, 2);
}
