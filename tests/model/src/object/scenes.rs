//! The scenes of an object with an alias and a tag, and those that show that a rule is needed.

use super::Place::{Alias, Primary};
use super::Tag::{Blue, Red};
use super::Write::{
    Change, Hold, HoldTag, HoldWhole, Invalidate, InvalidateTag, InvalidateWhole, Release,
    ReleaseTag, ReleaseWhole,
};
use super::{Content, Scene, Skips, Tag, Write};
use crate::scenes::Extent;
use crate::world::Faults;

/// What the database has, one after the other.
type History = &'static [Content];
/// What a writer does, in words.
type Writes = (&'static str, &'static [Write]);

const fn plain(number: u8) -> Content {
    Content { number, tag: None }
}

const fn tagged(number: u8, tag: Tag) -> Content {
    Content { number, tag: Some(tag) }
}

const PLAIN: History = &[plain(1), plain(2)];
/// A change, and one that comes back to what was before: what was read in between is old all the same.
const COMES_BACK: [History; 2] = [&[plain(1), plain(1), plain(2)], &[plain(1), plain(2), plain(1)]];
const TAGGED: History = &[tagged(1, Red), tagged(2, Red)];
const MOVES: History = &[tagged(1, Red), tagged(2, Blue), tagged(3, Blue)];

const BY_KEYS: [Writes; 3] = [
    ("the alias is invalidated", &[Change, Invalidate(Alias)]),
    ("the primary key is invalidated", &[Change, Invalidate(Primary)]),
    ("both keys are invalidated", &[Change, Invalidate(Alias), Invalidate(Primary)]),
];
const BY_ALIAS: &[Write] = BY_KEYS[0].1;
const BY_PRIMARY: &[Write] = BY_KEYS[1].1;
const BY_TAG: &[Write] = &[Change, InvalidateTag(Red)];
const UNDER_A_HOLD: Writes = ("a write of the alias", &[Hold(Alias), Change, Release(Alias)]);
/// A write of the tag; and one whose writer dies after the change.
const TAG_HELD: &[Write] = &[HoldTag(Red), Change, ReleaseTag(Red)];
const TAG_HELD_FOR_EVER: &[Write] = &[HoldTag(Red), Change];
/// Everything of the type is invalidated; written; and its writer dies.
const BY_WHOLE: &[Write] = &[Change, InvalidateWhole];
const WHOLE_HELD: &[Write] = &[HoldWhole, Change, ReleaseWhole];
const WHOLE_HELD_FOR_EVER: &[Write] = &[HoldWhole, Change];
/// The object is given another tag, and that one is invalidated later.
const MOVED: &[Write] = &[Change, Invalidate(Primary), Change, InvalidateTag(Blue)];

/// The faults of the network and of the cache, each by itself.
fn each_fault() -> [(&'static str, Faults); 3] {
    let none = Faults::default();
    [
        ("answers and commands are lost", Faults { lost: 1, ..none }),
        ("commands come late or twice", Faults { late: 1, ..none }),
        ("values, flags and epochs expire or are evicted", Faults { vanish: 1, ..none }),
    ]
}

/// The scenes in which the promise is to hold.
pub fn all(extent: Extent) -> Vec<Scene> {
    let loads = aliases(Skips::Nothing);
    let hints = [alias_hints(extent), tags(extent), both(extent), whole(extent)].concat();
    [loads, hints, near(extent), settling(), outstanding(extent)].concat()
}

/// A load of an alias beside another reader.
pub fn aliases(skips: Skips) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for history in COMES_BACK {
        for (what, writes) in BY_KEYS {
            for cached in [&[][..], &[Primary], &[Alias], &[Alias, Primary]] {
                let writes = [&[Change], writes].concat();
                let vanish = Faults { vanish: 1, ..Faults::default() };
                let scene = Scene::new(format!("a load of an alias; {what}"), history, &writes)
                    .cached(cached)
                    .reader(0, Alias)
                    .without(skips);
                scenes.extend([
                    scene.clone().reader(1, Primary).faults(vanish),
                    scene.clone().renewer(1, Primary).faults(vanish),
                    scene.reader(1, Alias),
                ]);
            }
        }
    }
    scenes
}

/// Readers by an alias that remember where it leads.
pub fn alias_hints(extent: Extent) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for (what, writes) in BY_KEYS.into_iter().chain([UNDER_A_HOLD]) {
        let named = |faults: &str| {
            let name = format!("an alias that is remembered; {what}; {faults}");
            Scene::new(name, PLAIN, writes).cached(&[Alias, Primary]).remembering()
        };
        let two = named("nothing fails").reader(0, Alias).reader(1, Alias);
        scenes.push(two.clone().reader(1, Primary));
        scenes.push(two.clone().reader(2, Alias));
        if extent == Extent::Wide {
            scenes.push(two.reader(0, Alias));
        }
        for (fault, faults) in each_fault() {
            let scene = named(fault).faults(faults).reader(0, Alias).reader(1, Alias);
            scenes.push(if extent == Extent::Wide { scene.reader(0, Alias) } else { scene });
        }
    }
    scenes
}

/// Loads and hits of an object with a tag.
pub fn tags(extent: Extent) -> Vec<Scene> {
    let mut scenes = Vec::new();
    let none = [("nothing fails", Faults::default())];
    let fails = [("a fetch fails", Faults { fetch: 1, ..Faults::default() })];
    for (fault, faults) in none.into_iter().chain(each_fault()).chain(fails) {
        let named = |what: &str, history, writes| {
            Scene::new(format!("{what}; {fault}"), history, writes).faults(faults)
        };
        let more = |scene: Scene, process| {
            if extent == Extent::Wide { scene.reader(process, Primary) } else { scene }
        };
        let cold = named("loads of an object whose tag is invalidated", TAGGED, BY_TAG);
        let warm = named("a tag that is remembered; it is invalidated", TAGGED, BY_TAG);
        let moved = named("a tag that is remembered; the object has another", MOVES, MOVED);
        let held = named("loads of an object whose tag is written", TAGGED, TAG_HELD);
        let dies = named("its writer dies", TAGGED, TAG_HELD_FOR_EVER);
        for scene in [held, dies] {
            let two = scene.clone().reader(0, Primary).reader(1, Primary);
            scenes.push(more(two, 1));
            let seen = scene.cached(&[Primary]).remembering();
            scenes.push(seen.reader(0, Primary).reader(1, Primary));
        }
        scenes.extend([
            more(cold.clone().reader(0, Primary).reader(1, Primary), 1),
            more(cold.reader(0, Primary).reader(0, Primary), 0),
            more(warm.cached(&[Primary]).remembering().reader(0, Primary).reader(1, Primary), 0),
            more(moved.cached(&[Primary]).remembering().reader(0, Primary).reader(1, Primary), 0),
        ]);
    }
    scenes
}

/// Loads and hits of an object of a type of which everything may be invalidated at once.
pub fn whole(extent: Extent) -> Vec<Scene> {
    let mut scenes = Vec::new();
    let none = [("nothing fails", Faults::default())];
    let fails = [("a fetch fails", Faults { fetch: 1, ..Faults::default() })];
    for (fault, faults) in none.into_iter().chain(each_fault()).chain(fails) {
        for (what, writes) in [
            ("everything of the type is invalidated", BY_WHOLE),
            ("everything of the type is written", WHOLE_HELD),
            ("its writer dies", WHOLE_HELD_FOR_EVER),
        ] {
            let scene = Scene::new(format!("{what}; {fault}"), TAGGED, writes);
            let scene = scene.faults(faults).of_the_whole_type();
            let two = |scene: Scene, other| scene.reader(0, Primary).reader(other, Primary);
            scenes.push(two(scene.clone(), 1));
            scenes.push(two(scene.clone().cached(&[Primary]), 1));
            if writes != WHOLE_HELD_FOR_EVER || extent == Extent::Wide {
                scenes.push(two(scene.clone(), 0));
                let aliased = scene.cached(&[Alias, Primary]).remembering();
                scenes.push(aliased.reader(0, Alias).reader(1, Primary));
            }
        }
    }
    for by in [Alias, Primary] {
        let name = format!("kept near, read by {by:?}; everything of the type is invalidated");
        let near = Scene::new(name, TAGGED, BY_WHOLE).near().cached(&[Alias, Primary]);
        scenes.push(near.remembering().of_the_whole_type().reader(0, by).reader(0, by));
        let name = format!("an invalidation of the whole type is outstanding, read by {by:?}");
        let faults = Faults { lost: 1, ..Faults::default() };
        let owed = Scene::new(name, TAGGED, BY_WHOLE).faults(faults).cached(&[Alias, Primary]);
        let owed = owed.written_by(0).remembering().of_the_whole_type();
        scenes.push(owed.reader(0, by).reader(0, by));
    }
    let lags = Scene::new("a replica that lags behind; the whole type", TAGGED, BY_WHOLE).lagging();
    scenes.push(lags.of_the_whole_type().reader(0, Primary).reader(1, Primary));
    scenes
}

/// Both together: an alias of an object with a tag.
pub fn both(extent: Extent) -> Vec<Scene> {
    let mut scenes = Vec::new();
    let by_tag = ("the tag is invalidated", BY_TAG);
    for (what, writes) in BY_KEYS.into_iter().take(2).chain([by_tag]) {
        for (fault, faults) in
            [("nothing fails", Faults::default())].into_iter().chain(each_fault())
        {
            let name = format!("an alias and a tag that are remembered; {what}; {fault}");
            let scene = Scene::new(name, TAGGED, writes).faults(faults).cached(&[Alias, Primary]);
            let scene = scene.remembering().reader(0, Alias);
            scenes.push(scene.clone().reader(1, Alias));
            if extent == Extent::Wide {
                scenes.push(scene.clone().reader(1, Alias).reader(0, Alias));
            }
            scenes.push(scene.reader(1, Primary));
        }
        for faults in [0, 1].map(|fetch| Faults { fetch, ..Faults::default() }) {
            let name = format!("loads of an alias and a tag; {what}; a fetch may fail");
            let scene = Scene::new(name, TAGGED, writes).faults(faults).cached(&[Primary]);
            scenes.push(scene.reader(0, Alias).reader(0, Alias));
        }
    }
    let name = "an alias and a tag that are remembered; the object has another tag";
    let moved = Scene::new(name, MOVES, MOVED).cached(&[Alias, Primary]).remembering();
    scenes.push(moved.reader(0, Alias).reader(1, Primary));
    scenes
}

/// Processes that keep what they find by an alias, and objects with a tag.
pub fn near(extent: Extent) -> Vec<Scene> {
    let mut scenes = Vec::new();
    let by_tag = ("the tag is invalidated", BY_TAG);
    let plain = BY_KEYS.into_iter().take(2).map(|writes| (PLAIN, writes));
    let tagged = BY_KEYS.into_iter().take(2).chain([by_tag]).map(|writes| (TAGGED, writes));
    for (history, (what, writes)) in plain.chain(tagged) {
        for by in [Alias, Primary] {
            if (by, writes) == (Primary, BY_ALIAS) {
                continue;
            }
            let named = |with: &str| {
                let name = format!("kept near, read by {by:?}, {with}; {what}");
                let scene = Scene::new(name, history, writes).near().cached(&[Alias, Primary]);
                scene.reader(0, by).reader(0, by)
            };
            scenes.push(named("with hints").remembering());
            if extent == Extent::Wide || writes != BY_TAG {
                scenes.push(named("without hints"));
            }
            if extent == Extent::Wide {
                let vanish = Faults { vanish: 1, ..Faults::default() };
                scenes.push(named("with hints and evictions").remembering().faults(vanish));
                scenes.push(named("beside a load").reader(1, by));
            }
        }
    }
    scenes
}

/// Readers of the process whose invalidations are outstanding.
pub fn outstanding(extent: Extent) -> Vec<Scene> {
    let mut scenes = Vec::new();
    let by_tag = ("the tag is invalidated", BY_TAG);
    let plain = BY_KEYS.into_iter().take(2).map(|writes| (PLAIN, writes));
    for (history, (what, writes)) in plain.chain([(TAGGED, by_tag)]) {
        for by in [Alias, Primary] {
            if (by, writes) == (Primary, BY_ALIAS) {
                continue;
            }
            for cached in [&[Alias, Primary][..], &[Alias]] {
                if writes == BY_TAG && cached == [Alias] && extent == Extent::Short {
                    continue;
                }
                let name = format!("an invalidation is outstanding, read by {by:?}; {what}");
                let vanish = u8::from(extent == Extent::Wide);
                let faults = Faults { lost: 1, vanish, ..Faults::default() };
                let scene = Scene::new(name, history, writes).faults(faults).cached(cached);
                scenes.push(scene.written_by(0).remembering().reader(0, by).reader(0, by));
            }
        }
    }
    scenes
}

/// Fetches that read a replica which lags behind.
pub fn settling() -> Vec<Scene> {
    let name = "a replica that lags behind; ";
    let by_tag = ("the tag is invalidated", BY_TAG);
    let mut scenes = Vec::new();
    for (history, (what, writes), by) in
        [(TAGGED, by_tag, Primary), (TAGGED, by_tag, Alias), (PLAIN, BY_KEYS[1], Primary)]
    {
        let scene = Scene::new(format!("{name}{what}"), history, writes).lagging();
        scenes.push(scene.clone().reader(0, by).reader(1, by));
        scenes.push(scene.cached(&[Alias, Primary]).remembering().reader(0, by).reader(1, by));
    }
    scenes
}

/// The same for what is invalidated with everything of its type.
pub fn controls_of_whole_types() -> Vec<(&'static str, Scene)> {
    let of_whole = |name: &str| {
        Scene::new(name, TAGGED, BY_WHOLE).cached(&[Alias, Primary]).of_the_whole_type()
    };
    let cold = || {
        let scene = Scene::new("loads", TAGGED, BY_WHOLE).of_the_whole_type();
        scene.reader(0, Primary).reader(0, Primary)
    };
    let fetch = Faults { fetch: 1, ..Faults::default() };
    vec![
        (
            "of a whole type, an object without a look at the epoch",
            of_whole("what is remembered").remembering().reader(0, Primary).without(Skips::Epoch),
        ),
        (
            "of a whole type, a load that stores whatever became of the epoch",
            cold().without(Skips::TagGuard),
        ),
        (
            "of a whole type, a load that takes followers while it asks for the epoch again",
            cold().without(Skips::ClosedLoad),
        ),
        (
            "of a whole type, an error that is shared whatever became of the epoch",
            cold().faults(fetch).without(Skips::GuardOfErrors),
        ),
        (
            "of a whole type, an invalidation that nothing settles after",
            cold().lagging().without(Skips::Settling),
        ),
        (
            "of a whole type, kept and deaf to the epoch",
            of_whole("kept near")
                .near()
                .reader(0, Alias)
                .reader(0, Alias)
                .without(Skips::WatchOfTheTag),
        ),
    ]
}

/// For each rule a scene that goes wrong without it, and what the rule is.
pub fn controls() -> Vec<(&'static str, Scene)> {
    let cold = || Scene::new("loads", TAGGED, BY_TAG).reader(0, Primary).reader(0, Primary);
    let seen = |history, writes| {
        Scene::new("what is remembered", history, writes).cached(&[Alias, Primary]).remembering()
    };
    let near =
        |history, writes| Scene::new("kept near", history, writes).near().cached(&[Alias, Primary]);
    let by_alias = |scene: Scene| scene.reader(0, Alias).reader(0, Alias);
    let fetch = Faults { fetch: 1, ..Faults::default() };
    vec![
        (
            "a pointer that another load stored, to the same primary key",
            seen(PLAIN, BY_ALIAS)
                .reader(0, Alias)
                .reader(1, Alias)
                .without(Skips::TokenOfThePointer),
        ),
        (
            "what is remembered, without a look at the pointer",
            seen(PLAIN, BY_ALIAS).reader(0, Alias).without(Skips::Pointer),
        ),
        (
            "the tag that is remembered instead of the object's own",
            seen(MOVES, MOVED).reader(0, Primary).reader(1, Primary).without(Skips::OwnTag),
        ),
        (
            "an object without a look at its epoch",
            seen(TAGGED, BY_TAG).reader(0, Primary).without(Skips::Epoch),
        ),
        ("a load that does not read the guard", cold().without(Skips::TagGuard)),
        ("epochs that are taken after the guard was read", cold().without(Skips::GuardAfterEpochs)),
        (
            "epochs that are taken before the fetch, instead of the guard",
            seen(MOVES, MOVED)
                .cached(&[Primary])
                .reader(0, Primary)
                .reader(0, Primary)
                .without(Skips::EpochAfterFetch),
        ),
        ("a tag that ends before its guard", cold().without(Skips::GuardFirst)),
        (
            "a write of a tag that holds its guard not, and whose writer dies",
            Scene::new("loads", TAGGED, TAG_HELD_FOR_EVER)
                .reader(0, Primary)
                .reader(0, Primary)
                .without(Skips::HoldOfTheGuard),
        ),
        ("a load that takes followers while it reads the guard", cold().without(Skips::ClosedLoad)),
        (
            "an error that is shared whatever became of the guard",
            cold().faults(fetch).without(Skips::GuardOfErrors),
        ),
        ("an invalidation that nothing settles after", cold().lagging().without(Skips::Settling)),
        (
            "a look at what is outstanding when the object is there",
            seen(PLAIN, BY_PRIMARY)
                .written_by(0)
                .faults(Faults { lost: 1, ..Faults::default() })
                .reader(0, Alias)
                .without(Skips::DebtBeforeLookup),
        ),
        (
            "a load that is shared although an invalidation of the primary key is outstanding",
            seen(PLAIN, BY_PRIMARY)
                .written_by(0)
                .cached(&[Alias])
                .faults(Faults { lost: 1, ..Faults::default() })
                .reader(0, Alias)
                .reader(0, Alias)
                .without(Skips::DebtOfSharers),
        ),
        (
            "kept by an alias, and deaf to its primary key",
            by_alias(near(PLAIN, BY_PRIMARY)).without(Skips::WatchOfThePrimary),
        ),
        (
            "kept by an alias, and deaf to it",
            by_alias(near(PLAIN, BY_ALIAS)).without(Skips::WatchOfTheAlias),
        ),
        ("kept, and deaf to its tag", by_alias(near(TAGGED, BY_TAG)).without(Skips::WatchOfTheTag)),
        (
            "kept with marks from when the answers have come",
            by_alias(near(PLAIN, BY_PRIMARY)).without(Skips::EarlyMarks),
        ),
    ]
}
