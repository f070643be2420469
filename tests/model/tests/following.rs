//! A follower of the database's log leaves nothing stale for good, in every interleaving, and each of its rules is needed.

use cachecow_model::following::{Scene, Skips, explore};

const ALL: Scene = Scene { crashes: 2, loses_slot: true, skips: Skips::Nothing };

#[test]
fn nothing_is_stale_for_good() {
    for scene in [ALL, Scene { loses_slot: false, ..ALL }, Scene { crashes: 0, ..ALL }] {
        let (states, stale) = explore(scene);
        println!("{scene:?}: {states} states");
        assert_eq!(stale, None);
        assert!(states > 1_000, "{states} states are too few to be all");
    }
}

#[test]
fn without_any_one_rule_something_is() {
    for scene in [
        Scene { crashes: 0, loses_slot: false, skips: Skips::Gate },
        Scene { crashes: 1, loses_slot: false, skips: Skips::Order },
        Scene { crashes: 0, loses_slot: true, skips: Skips::Mark },
        Scene { crashes: 0, loses_slot: true, skips: Skips::SecondDrop },
        Scene { crashes: 1, loses_slot: true, skips: Skips::Patience },
    ] {
        let way = explore(scene).1;
        println!("{scene:?}: {}", way.unwrap_or_else(|| panic!("it must be found: {scene:?}")));
    }
}
