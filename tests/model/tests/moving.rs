//! A slot that moves keeps the promise in every interleaving, and each of the rules is needed.

use cachecow_model::moving::{Scene, Skips, explore};

const ALL: Scene = Scene { acks: false, ends: true, skips: Skips::Nothing };

fn nothing_is_stale(scene: Scene) {
    let (states, stale) = explore(scene);
    println!("{scene:?}: {states} states");
    assert_eq!(stale, None);
    assert!(states > 1_000, "{states} states are too few to be all");
}

fn something_is(scene: Scene) {
    let way = explore(scene).1;
    println!("{scene:?}: {}", way.unwrap_or_else(|| panic!("the control must find it: {scene:?}")));
}

#[test]
fn nothing_is_stale_while_a_slot_moves() {
    nothing_is_stale(ALL);
}

#[test]
fn nothing_is_stale_after_a_failover_of_a_node_with_acknowledgements() {
    nothing_is_stale(Scene { acks: true, ..ALL });
}

#[test]
fn what_was_left_by_a_move_is_not_read_before_another_ends() {
    nothing_is_stale(Scene { ends: false, skips: Skips::Deletion, ..ALL });
}

#[test]
fn without_any_one_rule_something_is_stale() {
    for skips in [Skips::SecondPass, Skips::FlagFirst, Skips::Deletion] {
        something_is(Scene { skips, ..ALL });
    }
    something_is(Scene { acks: true, skips: Skips::Source, ..ALL });
    something_is(Scene { ends: false, skips: Skips::DeletionAndRefusal, ..ALL });
}
