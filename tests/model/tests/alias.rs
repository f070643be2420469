//! Aliases keep the promise in every interleaving, and each of their rules is needed.

use cachecow_model::alias::{HISTORIES, History, Invalidates, Skips, explore};

fn nothing_is_stale(history: History) {
    for invalidates in [Invalidates::Alias, Invalidates::Primary, Invalidates::Both] {
        let (states, stale) = explore(Skips::Nothing, invalidates, history);
        assert_eq!(stale, None);
        println!("{history:?} {invalidates:?}: {states} states");
        assert!(states > 5_000, "{states} states are too few to be all");
    }
}

#[test]
fn nothing_is_stale_in_any_interleaving() {
    nothing_is_stale(HISTORIES[0]);
}

#[test]
fn nothing_is_stale_where_a_value_comes_back() {
    nothing_is_stale(HISTORIES[1]);
}

#[test]
fn without_any_one_guard_something_is() {
    for skips in [Skips::GuardOfTheAlias, Skips::ClaimOfTheSame, Skips::SecondFetch] {
        let mut found =
            HISTORIES.iter().filter_map(|history| explore(skips, Invalidates::Alias, *history).1);
        let way = found.next().unwrap_or_else(|| panic!("the control must find it: {skips:?}"));
        println!("{skips:?}: {way}");
    }
}
