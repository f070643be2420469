//! Try.
use cachecow::protocol::First;
use cachecow_model::Without;
use cachecow_model::caller::Finds;
use cachecow_model::scene::Scene;
use cachecow_model::world::Faults;
use cachecow_model::writer::How;
#[test]
fn one() {
    let none = Faults::default();
    let one = |f: fn(&mut Faults)| { let mut x = none; f(&mut x); x };
    let base = || Scene::new("base").reader(0).reader(0).writer(1, How::Invalidate);
    for (n, f) in [
        ("lost", one(|f| f.lost = 2)), ("late", one(|f| f.late = 1)), ("vanish", one(|f| f.vanish = 2)), ("crash", one(|f| f.crash = 1)),
        ("cancel", one(|f| f.cancel = 2)), ("fetch", one(|f| f.fetch = 1)),
    ] {
        println!("{n} {}", base().faults(f).explore(2));
        println!("w {n} {}", Scene::new("write").reader(0).reader(1).writer(1, How::Write).faults(f).explore(2));
        println!("ww {n} {}", Scene::new("writes").reader(0).writer(1, How::Write).writer(1, How::Write).faults(f).explore(2));
        println!("expired {n} {}", Scene::new("expired").warm().caller(0, &[0], First::Lookup, Finds::Expired).caller(0, &[0], First::Lookup, Finds::Expired).writer(1, How::Invalidate).faults(f).explore(2));
    }
    println!("{}", Scene::new("near").warm().near().reader(0).reader(0).writer(1, How::Invalidate).faults(one(|f| f.deaf = 1)).explore(2));
    println!("{}", Scene::new("near control").warm().near().reader(0).reader(0).writer(1, How::Invalidate).without(Without::Mark).explore(2));
    println!("{}", Scene::new("batch").caller(0, &[0, 1], First::Lookup, Finds::Good).caller(0, &[1, 0], First::Lookup, Finds::Good).writer(1, How::Invalidate).explore(2));
    for w in [Without::Tokens, Without::ClaimBeforeFetch, Without::Fence, Without::OwnHoldsAlone] {
        println!("{w:?} {}", Scene::new("c").reader(0).reader(0).reader(1).writer(1, How::Write).writer(1, How::Write).without(w).explore(2));
    }
    println!("first {}", Scene::new("c").reader(0).reader(0).writer(1, How::InvalidateFirst).explore(2));
}
