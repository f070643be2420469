//! An answer with two tags is as young as promised, in every interleaving, and each rule is needed.

use cachecow_model::answers::{controls, explore, scenes};

#[test]
fn an_answer_is_as_young_as_the_last_invalidation_of_each_tag() {
    let mut all = 0;
    for scene in scenes() {
        let (states, old) = explore(scene);
        println!("{scene:?}: {states} states");
        assert_eq!(old, None, "{scene:?}");
        assert!(states > 1_000, "{states} states are too few to be all");
        all += states;
    }
    println!("{all} states");
}

#[test]
fn without_any_one_rule_it_is_not() {
    for (without, scene) in controls() {
        let way = explore(scene).1;
        println!("{without}: {}", way.unwrap_or_else(|| panic!("it must be found: {without}")));
    }
}
