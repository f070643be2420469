//! The test suite that every [`KeyValueStore`] must pass. It checks what the trait's documentation says.
//!
//! Run [`all`] in a test of your own store:
//!
//! ```
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! use cachecow::MemoryStore;
//!
//! cachecow::store::conformance::all(&MemoryStore::new()).await;
//! # }
//! ```
//!
//! Each check needs a new or an empty store. It uses what the store's capabilities allow, expects a
//! clear refusal of other operations, and leaves the store empty.
//!
//! # Panics
//!
//! Every check panics if the store behaves differently; the message says what was expected.

#![allow(clippy::missing_panics_doc, reason = "every check panics; the module's page says so")]

mod abilities;
mod keys;
mod listing;
mod support;
mod values;

pub use self::abilities::{
    addresses_are_given_or_refused, copies_and_moves_work_or_are_refused,
    times_to_live_are_kept_or_refused,
};
pub use self::keys::{invalid_keys_are_refused, odd_keys_are_keys};
pub use self::listing::{
    many_keys_are_listed, prefixes_are_cut_at_the_delimiter, prefixes_are_literal,
};
pub use self::values::{
    a_failed_reader_changes_nothing, absent_keys_are_not_found, files_go_in_and_out,
    readers_come_back, readers_see_old_or_new, values_come_back,
};
use super::KeyValueStore;

/// Runs every check, one after another.
pub async fn all(store: &(impl KeyValueStore + ?Sized)) {
    values_come_back(store).await;
    readers_come_back(store).await;
    odd_keys_are_keys(store).await;
    invalid_keys_are_refused(store).await;
    absent_keys_are_not_found(store).await;
    prefixes_are_literal(store).await;
    prefixes_are_cut_at_the_delimiter(store).await;
    many_keys_are_listed(store).await;
    times_to_live_are_kept_or_refused(store).await;
    copies_and_moves_work_or_are_refused(store).await;
    addresses_are_given_or_refused(store).await;
    files_go_in_and_out(store).await;
    a_failed_reader_changes_nothing(store).await;
    readers_see_old_or_new(store).await;
}
