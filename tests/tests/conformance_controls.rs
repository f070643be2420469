//! The conformance suite finds every fault of a backend, and each of its checks finds one.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use cachecow::{CacheBackend, conformance};
use cachecow_tests::faulty::{Fault, Faulty};
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;

type Check = for<'a> fn(&'a dyn CacheBackend) -> BoxFuture<'a, ()>;

macro_rules! checks {
    ($($check:ident)*) => {
        &[
            $((stringify!($check), |backend| conformance::$check(backend).boxed()),)*
            ("changes_are_told", |backend| conformance::changes_are_told(backend).boxed()),
        ]
    };
}

const CHECKS: &[(&str, Check)] = conformance::for_each_check!(checks);

/// The checks that fail, each on a backend of its own.
async fn failing(fault: Fault) -> BTreeSet<&'static str> {
    let mut failing = BTreeSet::new();
    for (name, check) in CHECKS {
        let backend = Faulty::new(fault);
        if AssertUnwindSafe(check(&backend)).catch_unwind().await.is_err() {
            failing.insert(*name);
        }
    }
    failing
}

#[tokio::test(start_paused = true)]
async fn a_backend_without_a_fault_passes() {
    for fault in [Fault::None, Fault::CannotWatch] {
        assert_eq!(failing(fault).await, BTreeSet::new());
    }
    conformance::all(&Faulty::new(Fault::None)).await;
}

#[tokio::test(start_paused = true)]
async fn every_fault_is_found_and_every_check_finds_one() {
    let mut idle: BTreeSet<&str> = CHECKS.iter().map(|(name, _)| *name).collect();
    let mut missed = Vec::new();
    for fault in Fault::ALL {
        let failing = failing(*fault).await;
        idle.retain(|name| !failing.contains(name));
        if failing.is_empty() {
            missed.push(fault);
        }
    }
    assert_eq!(missed, [] as [&Fault; 0], "no check finds these faults");
    assert_eq!(idle, BTreeSet::new(), "these checks find none of the faults");
}

#[tokio::test(start_paused = true)]
async fn a_fault_is_found_by_the_check_that_is_about_it() {
    for (fault, check) in [
        (Fault::IgnoresTokens, "a_fill_with_another_token_is_refused_and_leaves_the_flag"),
        (Fault::IgnoresNumbers, "a_claim_that_is_repeated_is_another"),
        (Fault::GrantsTheSameNumber, "no_number_is_granted_twice"),
        (Fault::BringsTheLeaseBack, "an_invalidation_refuses_the_fill_under_way"),
        (Fault::FillsInTwoSteps, "a_fill_and_an_invalidation_at_once_leave_nothing"),
        (Fault::ClaimsInTwoSteps, "of_claims_at_once_one_is_granted"),
        (Fault::CarriesOutLate, "a_command_that_was_given_up_takes_no_effect_later"),
        (Fault::ClaimsThroughHolds, "a_hold_removes_the_value_and_keeps_claims_out"),
        (Fault::ReleasesEveryHold, "overlapping_holds_end_one_by_one"),
        (Fault::BeginsTheSameEpoch, "an_epoch_that_ended_begins_again_with_another"),
        (Fault::AnswersOutOfOrder, "a_batch_answers_each_in_order"),
        (Fault::ExpiresNoLease, "a_lease_expires"),
        (Fault::WatchNeverTells, "a_watch_completes_when_its_lease_ends"),
        (Fault::TellsNoInvalidation, "changes_are_told"),
    ] {
        let failing = failing(fault).await;
        assert!(failing.contains(check), "{fault:?} is found by {failing:?}");
    }
}
