//! The test suite that every [`CacheBackend`] must pass. It checks what the table in [`protocol`](crate::protocol)
//! and the trait's documentation say.
//!
//! Run [`all`] in a test of your own backend:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use cachecow::MemoryBackend;
//!
//! cachecow::conformance::all(&MemoryBackend::default()).await;
//! # }
//! ```
//!
//! Or make each check a separate test: then the name of a failed test says what is broken, and the tests run in
//! parallel:
//!
//! ```
//! macro_rules! tests {
//!     ($($check:ident)*) => {$(
//!         #[tokio::test]
//!         async fn $check() {
//!             let backend = cachecow::MemoryBackend::default();
//!             cachecow::conformance::$check(&backend).await;
//!         }
//!     )*};
//! }
//!
//! cachecow::conformance::for_each_check!(tests);
//! ```
//!
//! If a backend reports changes ([`CacheBackend::follow`]), also run [`changes_are_told`]. If it cannot
//! [`watch`](CacheBackend::watch), it returns [`Unsupported`](crate::BackendErrorKind::Unsupported), and the checks
//! of watches end there.
//!
//! The checks use random keys, so they can all share one backend, which need not be empty. Everything they leave
//! behind expires within ten minutes, except three epochs with the longest settle time.
//!
//! Some checks wait until a value, a lease, a hold or an epoch of a millisecond has expired by the backend's clock.
//! So do not give the backend a clock that stands still. Tokio's paused time works.
//!
//! # Panics
//!
//! Every check panics if the backend behaves differently; the message says what was expected.

#![allow(clippy::missing_panics_doc, reason = "every check panics; the module's page says so")]

mod batches;
mod changes;
mod claims;
mod epochs;
mod holds;
mod replacing;
mod support;
mod time;
mod values;
mod watches;
mod write_through;

use futures_util::FutureExt as _;

pub use self::batches::*;
pub use self::changes::changes_are_told;
pub use self::claims::*;
pub use self::epochs::*;
pub use self::holds::*;
pub use self::replacing::*;
pub use self::time::*;
pub use self::values::*;
pub use self::watches::*;
pub use self::write_through::*;
use super::CacheBackend;

/// Calls a macro with the names of all checks of this module but
/// [`changes_are_told`](crate::conformance::changes_are_told).
#[doc(hidden)]
#[macro_export]
macro_rules! __for_each_backend_check {
    ($callback:ident) => {
        $callback! {
            a_ping_is_answered
            a_backend_that_was_reset_answers
            an_empty_cache_has_nothing
            a_fill_stores_and_ends_the_claim
            any_bytes_are_a_value
            a_large_value_comes_back
            keys_do_not_touch_each_other
            a_lookup_answers_as_its_command_does
            lookups_of_many_answer_each_in_order
            a_claim_is_granted_once
            of_claims_at_once_one_is_granted
            a_claim_returns_the_value_that_is_there
            a_fill_without_a_claim_is_refused
            a_fill_with_another_token_is_refused_and_leaves_the_flag
            a_fill_of_another_grant_is_refused_and_leaves_the_flag
            a_repeated_fill_is_refused
            a_claim_that_is_repeated_is_another
            no_number_is_granted_twice
            an_abandoned_claim_is_free_again
            a_foreign_abandon_changes_nothing
            an_abandon_without_a_number_ends_any_grant
            invalidate_clears_every_state
            an_invalidation_refuses_the_fill_under_way
            a_fill_and_an_invalidation_at_once_leave_nothing
            a_released_and_retaken_flag_refuses_the_first_owner
            a_rejected_value_is_discarded_by_the_claim
            another_value_is_not_discarded
            a_claim_that_replaces_what_is_gone_is_granted
            a_kept_value_is_there_until_it_is_replaced
            an_invalidation_refuses_the_fill_over_a_kept_value
            a_hold_removes_the_value_and_keeps_claims_out
            a_hold_refuses_the_fill_under_way
            overlapping_holds_end_one_by_one
            an_invalidation_leaves_holds
            a_hold_placed_again_is_one_hold
            a_release_after_its_hold_is_gone_invalidates
            a_release_removes_what_was_filled_in_between
            a_writer_alone_stores_at_its_release
            a_writer_that_was_not_alone_stores_nothing
            an_invalidation_keeps_a_writer_from_storing
            a_writer_whose_hold_is_gone_stores_nothing
            an_epoch_begins_when_it_is_taken
            an_epoch_begins_like_its_token
            of_takes_at_once_one_begins_an_epoch
            an_epoch_that_ended_begins_again_with_another
            no_epoch_begins_while_a_hold_stands
            an_epochs_hold_placed_again_is_one_hold
            a_release_ends_the_epoch_that_began_since
            epochs_values_and_flags_do_not_touch_each_other
            an_empty_batch_has_no_answers
            a_batch_answers_each_in_order
            a_batch_of_thousands_is_answered
            a_command_that_was_given_up_takes_no_effect_later
            a_value_expires
            a_lease_expires
            a_hold_expires
            a_hold_placed_again_ends_when_the_last_one_says
            an_epoch_expires
            an_epoch_is_kept_for_as_long_as_anyone_asked
            an_epochs_hold_expires
            the_longest_times_are_taken
            a_watch_without_a_lease_completes_at_once
            a_watch_completes_when_its_lease_ends
            every_watch_of_a_key_completes
            a_watch_completes_when_its_lease_expires
            a_watch_may_be_dropped
        }
    };
}

#[doc(inline)]
pub use __for_each_backend_check as for_each_check;

/// Runs every check but [`changes_are_told`], one after another.
pub async fn all(backend: &dyn CacheBackend) {
    macro_rules! run {
        ($($check:ident)*) => {$(
            // Boxed: together, their futures would fill a page.
            $check(backend).boxed().await;
        )*};
    }
    for_each_check!(run);
}
