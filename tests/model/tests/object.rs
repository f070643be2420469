//! An object with an alias and a tag keeps the promise in every interleaving, and each rule is needed.

use cachecow_model::object::scenes;
use cachecow_model::object::{Scene, Skips};
use cachecow_model::scene::FRESH;
use cachecow_model::scenes::Extent;

fn nothing_goes_wrong(scenes: Vec<Scene>) {
    let mut states = 0;
    for scene in scenes {
        let explored = scene.explore(2);
        println!("{explored}");
        assert!(explored.wrong.is_none(), "{explored}");
        assert!(explored.states > 100, "too few to be all: {explored}");
        states += explored.states;
    }
    println!("{states} states");
}

#[test]
fn nothing_goes_wrong_in_a_load_of_an_alias() {
    nothing_goes_wrong(scenes::aliases(Skips::Nothing));
}

#[test]
fn nothing_goes_wrong_where_an_alias_is_remembered() {
    nothing_goes_wrong(scenes::alias_hints(Extent::Short));
}

#[test]
fn nothing_goes_wrong_with_a_tag() {
    nothing_goes_wrong(scenes::tags(Extent::Short));
}

#[test]
fn nothing_goes_wrong_where_everything_of_a_type_is_invalidated() {
    nothing_goes_wrong(scenes::whole(Extent::Short));
}

#[test]
fn nothing_goes_wrong_with_an_alias_and_a_tag() {
    nothing_goes_wrong(scenes::both(Extent::Short));
}

#[test]
fn nothing_goes_wrong_near() {
    nothing_goes_wrong(scenes::near(Extent::Short));
}

#[test]
fn nothing_goes_wrong_with_a_replica_that_lags_behind() {
    nothing_goes_wrong(scenes::settling());
}

#[test]
fn nothing_goes_wrong_while_an_invalidation_is_outstanding() {
    nothing_goes_wrong(scenes::outstanding(Extent::Short));
}

#[test]
fn without_any_one_rule_something_does() {
    for (without, scene) in scenes::controls().into_iter().chain(scenes::controls_of_whole_types())
    {
        let explored = scene.explore(2);
        println!("{without}: {explored}\n");
        let (property, _) = explored.wrong.expect(without);
        assert_eq!(property, FRESH, "{without}: another property than the one in question");
    }
}

#[test]
fn without_any_one_guard_of_an_alias_something_does() {
    for skips in [Skips::GuardOfTheAlias, Skips::ClaimOfTheSame, Skips::SecondFetch] {
        let mut found = scenes::aliases(skips).into_iter().filter_map(|scene| {
            let explored = scene.explore(2);
            explored.wrong.is_some().then_some(explored)
        });
        let explored =
            found.next().unwrap_or_else(|| panic!("the control must find it: {skips:?}"));
        println!("{skips:?}: {explored}");
        assert_eq!(explored.wrong.map(|(property, _)| property), Some(FRESH));
    }
}
