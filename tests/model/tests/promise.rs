//! The promise holds in every scene, and each rule of the protocol is needed.

use cachecow_model::scene::FRESH;
use cachecow_model::scenes::{self, Extent};

#[test]
fn nothing_goes_wrong_in_any_scene() {
    let mut states = 0;
    for scene in scenes::all(Extent::Short) {
        let explored = scene.explore(2);
        println!("{explored}");
        assert!(explored.wrong.is_none(), "{explored}");
        assert!(explored.states > 1_000, "too few to be all: {explored}");
        states += explored.states;
    }
    println!("{states} states");
}

#[test]
fn without_any_one_rule_something_does() {
    for (without, scene) in scenes::controls() {
        let explored = scene.explore(2);
        println!("{without}: {explored}\n");
        let (property, events) = explored.wrong.expect(without);
        assert_eq!(property, FRESH, "{without}: another property than the one in question");
        assert!(events.len() > 5, "{without}: too short a way to be one: {events:?}");
    }
}
