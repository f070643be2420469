//! A member is in the list where it is, in every interleaving, and each rule is needed.

use cachecow_model::Without;
use cachecow_model::list::{Skips, explore, scenes};

#[test]
fn a_member_is_where_it_is_for_who_begins_after_a_write() {
    let mut all = 0;
    for scene in scenes(Skips::Nothing, Without::Nothing) {
        let name = scene.name;
        let (states, wrong) = explore(scene);
        println!("{name}: {states} states");
        assert_eq!(wrong, None, "{name}");
        assert!(states > 100, "too few to be all: {name}");
        all += states;
    }
    println!("{all} states");
}

#[test]
fn without_any_one_rule_it_is_not() {
    let skips = [Skips::OwnKeys, Skips::NewList, Skips::OldListAndLeftOut]
        .map(|skips| (skips, Without::Nothing));
    for (skips, without) in skips.into_iter().chain([(Skips::Nothing, Without::Tokens)]) {
        let found = scenes(skips, without).into_iter().find_map(|scene| {
            let name = scene.name;
            Some((name, explore(scene).1?))
        });
        let (name, way) =
            found.unwrap_or_else(|| panic!("the control must find it: {skips:?}, {without:?}"));
        println!("{skips:?}, {without:?}, {name}: {way}");
    }
}
