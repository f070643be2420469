//! `cargo run --release -p cachecow-model`: explores every scene, and shows that each rule is needed.
//! `-- wide` goes further, for minutes.

use std::process::ExitCode;
use std::time::Instant;

use cachecow_model::object::scenes as object;
use cachecow_model::scenes::{self, Extent};
use cachecow_model::{Without, answers, list};

fn main() -> ExitCode {
    let extent = match std::env::args().nth(1).as_deref() {
        None => Extent::Short,
        Some("wide") => Extent::Wide,
        Some(_) => {
            eprintln!("usage: cachecow-model [wide]");
            return ExitCode::from(2);
        }
    };
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let (mut states, mut sound, began) = (0, true, Instant::now());
    let of_keys = scenes::all(extent).into_iter().map(|scene| scene.explore(threads));
    let of_objects = object::all(extent).into_iter().map(|scene| scene.explore(threads));
    for explored in of_keys.chain(of_objects) {
        states += explored.states;
        sound &= explored.wrong.is_none();
        println!("{explored}");
    }
    for scene in list::scenes(list::Skips::Nothing, Without::Nothing) {
        let name = scene.name;
        let (found, wrong) = list::explore(scene);
        states += found;
        sound &= wrong.is_none();
        println!("lists, {name}: {found} states, {}", wrong.as_deref().unwrap_or("nothing wrong"));
    }
    for scene in answers::scenes() {
        let (found, wrong) = answers::explore(scene);
        states += found;
        sound &= wrong.is_none();
        println!("{scene:?}: {found} states, {}", wrong.as_deref().unwrap_or("nothing wrong"));
    }
    println!("{states} states in {:.0} s", began.elapsed().as_secs_f64());
    let of_keys = scenes::controls().into_iter();
    let of_keys = of_keys.map(|(without, scene)| (without, scene.explore(threads)));
    let of_objects = object::controls().into_iter().chain(object::controls_of_whole_types());
    let of_objects = of_objects.map(|(without, scene)| (without, scene.explore(threads)));
    for (without, explored) in of_keys.chain(of_objects) {
        sound &= explored.wrong.is_some();
        println!("\nControl: {without}\n{explored}");
    }
    for (without, scene) in answers::controls() {
        let way = answers::explore(scene).1;
        sound &= way.is_some();
        println!("\nControl: {without}\n{}", way.as_deref().unwrap_or("not found"));
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
