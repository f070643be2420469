//! Every scene that the promise is explored in, and those that show that a rule is needed.

use cachecow::protocol::First;

use crate::Without;
use crate::caller::Finds;
use crate::scene::Scene;
use crate::world::Faults;
use crate::writer::How;

/// How far the scenes go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Extent {
    /// Seconds: for every test run.
    Short,
    /// Minutes and gigabytes: one more caller, or one more fault, in each.
    Wide,
}

/// The faults of the network, of the processes and of the cache, each by itself.
fn each_fault(times: u8) -> [(&'static str, Faults); 7] {
    let none = Faults::default();
    [
        ("answers and commands are lost", Faults { lost: times, ..none }),
        ("commands come late or twice", Faults { late: times, ..none }),
        ("values and flags expire or are evicted", Faults { vanish: times, ..none }),
        ("a process dies at any step", Faults { crash: 1, ..none }),
        ("callers and writers are cancelled", Faults { cancel: times, ..none }),
        ("fetches fail, or bring what cannot be stored", Faults { fetch: times, ..none }),
        ("loads are given up", Faults { give_up: times, ..none }),
    ]
}

fn look(scene: Scene, process: u8, finds: Finds) -> Scene {
    scene.caller(process, &[0], First::Lookup, finds)
}

/// The scenes in which the promise is to hold.
pub fn all(extent: Extent) -> Vec<Scene> {
    let wide = extent == Extent::Wide;
    let more = |scene: Scene| if wide { scene.reader(0) } else { scene };
    let mut scenes = Vec::new();
    for (fault, faults) in each_fault(if wide { 2 } else { 1 }) {
        let named = |what: &str| Scene::new(format!("{what}; {fault}")).faults(faults);
        scenes.extend([
            more(named("two readers, an invalidation").reader(0).reader(0))
                .writer(1, How::Invalidate),
            more(named("readers of two processes, a write").reader(0).reader(1))
                .writer(1, How::Write),
            named("a reader, overlapping writes")
                .reader(0)
                .writer(0, How::Write)
                .writer(1, How::Write),
            named("a reader, a write and an invalidation of one process")
                .reader(1)
                .writer(1, How::Write)
                .writer(1, How::Invalidate),
            look(
                look(named("an object to be renewed early").warm(), 0, Finds::Ageing),
                0,
                Finds::Ageing,
            )
            .writer(1, How::Invalidate),
            look(
                look(named("an object past its time").warm(), 0, Finds::Expired),
                0,
                Finds::Expired,
            )
            .writer(1, How::Invalidate),
            look(look(named("a malformed value").warm(), 0, Finds::Malformed), 1, Finds::Malformed)
                .writer(1, How::Invalidate),
            look(named("another version's value").warm(), 0, Finds::Foreign)
                .reader(1)
                .writer(1, How::Invalidate),
            named("readers that claim at once")
                .caller(0, &[0], First::Claim, Finds::Good)
                .caller(1, &[0], First::Claim, Finds::Good)
                .writer(1, How::Invalidate),
            more(named("the near tier").warm().near().reader(0))
                .reader(0)
                .writer(1, How::Invalidate),
            more(named("the near tier, kept by claims").warm().near().caller(
                0,
                &[0],
                First::Claim,
                Finds::Good,
            ))
            .reader(0)
            .writer(1, How::Invalidate),
            named("batches that cross")
                .caller(0, &[0, 1], First::Lookup, Finds::Good)
                .caller(0, &[1, 0], First::Lookup, Finds::Good)
                .writer(0, How::Invalidate),
        ]);
    }
    scenes.extend(stores(extent));
    let deaf = Faults { deaf: 1, ..Faults::default() };
    scenes.push(
        more(Scene::new("the near tier; it loses its connection").warm().near().reader(0))
            .reader(0)
            .writer(1, How::Invalidate)
            .faults(deaf),
    );
    scenes.push(
        Scene::new("the near tier of the writer's process")
            .warm()
            .near()
            .reader(0)
            .reader(0)
            .writer(0, How::Write)
            .faults(deaf),
    );
    if wide {
        scenes.push(
            Scene::new("three readers, an invalidation; loads are given up one after the other")
                .reader(0)
                .reader(0)
                .reader(0)
                .writer(1, How::Invalidate)
                .faults(Faults { give_up: 2, ..Faults::default() }),
        );
        let both = Faults { lost: 1, crash: 1, vanish: 1, ..Faults::default() };
        scenes.push(
            Scene::new(
                "readers of two processes, overlapping writes; losses, a death, an eviction",
            )
            .reader(0)
            .reader(1)
            .writer(0, How::Write)
            .writer(1, How::Write)
            .faults(both),
        );
    }
    scenes
}

/// Writes that store what they have written, beside others.
fn stores(extent: Extent) -> Vec<Scene> {
    let mut scenes = Vec::new();
    for (fault, faults) in each_fault(1) {
        for other in [How::WriteThrough, How::Write, How::Invalidate] {
            let name = format!("a write that stores, beside {other:?}; {fault}");
            let scene = Scene::new(name).faults(faults).reader(0);
            let scene = scene.writer(0, How::WriteThrough).writer(1, other);
            scenes.push(if extent == Extent::Wide { scene.reader(1) } else { scene });
        }
    }
    scenes
}

/// For each rule a scene that goes wrong without it, and what the rule is.
pub fn controls() -> Vec<(&'static str, Scene)> {
    let late = Faults { late: 1, ..Faults::default() };
    let readers = || {
        Scene::new("two readers, an invalidation").reader(0).reader(0).writer(1, How::Invalidate)
    };
    vec![
        (
            "a flag without a token",
            Scene::new("readers of two processes, an invalidation")
                .reader(0)
                .reader(1)
                .reader(1)
                .writer(1, How::Invalidate)
                .without(Without::Tokens),
        ),
        (
            "a claim that is repeated is granted under the same token",
            readers().faults(late).without(Without::Grants),
        ),
        ("a fetch begun before the claim", readers().without(Without::ClaimBeforeFetch)),
        (
            "a joiner that accepts any load",
            readers().faults(Faults { lost: 1, ..Faults::default() }).without(Without::Fence),
        ),
        (
            "a joiner that accepts the error of any load",
            readers()
                .faults(Faults { fetch: 1, ..Faults::default() })
                .without(Without::FenceOfErrors),
        ),
        (
            "`invalidate` before the commit, instead of `write`",
            Scene::new("a reader, an invalidation first")
                .reader(0)
                .reader(0)
                .writer(1, How::InvalidateFirst),
        ),
        (
            "a release that lifts another writer's hold",
            Scene::new("two readers, overlapping writes")
                .reader(0)
                .reader(0)
                .writer(1, How::Write)
                .writer(1, How::Write)
                .without(Without::OwnHoldsAlone),
        ),
        (
            "what a write returned is stored although another overlapped it",
            Scene::new("overlapping writes that store")
                .reader(0)
                .writer(0, How::WriteThrough)
                .writer(1, How::WriteThrough)
                .without(Without::Overlaps),
        ),
        (
            "what a write returned is stored although there was an invalidation since",
            Scene::new("a write that stores, and an invalidation")
                .reader(0)
                .writer(0, How::WriteThrough)
                .writer(1, How::Invalidate)
                .without(Without::MarksOfInvalidations),
        ),
        (
            "kept in the near tier without a mark",
            Scene::new("the near tier")
                .warm()
                .near()
                .reader(0)
                .reader(0)
                .writer(1, How::Invalidate)
                .without(Without::Mark),
        ),
        (
            "kept in the near tier by a claim without a mark",
            Scene::new("the near tier, kept by claims")
                .warm()
                .near()
                .caller(0, &[0], First::Claim, Finds::Good)
                .caller(0, &[0], First::Claim, Finds::Good)
                .writer(1, How::Invalidate)
                .without(Without::Mark),
        ),
    ]
}
