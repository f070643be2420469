//! Each property on pseudo-random inputs: `CACHECOW_CASES` of them, from `CACHECOW_SEED` on.
//!
//! ```sh
//! CACHECOW_CASES=1000000 cargo test --release -p cachecow-hostile
//! ```

use cachecow_hostile::{derives, documents, keys, packed, prefixes, seeded, store_hmac, urls};

#[test]
fn a_read_gives_what_is_asked_for_whatever_stands_in_the_cache() {
    seeded::check(documents::check);
}

#[test]
fn a_packed_value_that_was_changed_is_never_served() {
    seeded::check(packed::check);
}

#[test]
fn no_two_lists_of_parts_have_one_encoding() {
    seeded::check(keys::check);
}

#[test]
fn no_two_short_lists_of_parts_have_one_encoding() {
    keys::check_all_short_lists();
}

#[test]
fn any_url_is_opened_or_refused_and_shows_no_password() {
    seeded::check(urls::check);
}

#[test]
fn no_tokens_make_the_derives_panic() {
    seeded::check(derives::check);
}

#[test]
fn queries() {
    seeded::check(derives::check_query);
}

#[test]
fn a_signed_value_that_was_changed_is_never_given_out() {
    seeded::check(store_hmac::check);
}

#[test]
fn stores_list_what_is_there() {
    seeded::check(prefixes::check);
}
