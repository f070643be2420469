//! `cargo run --release -p cachecow-model`: explores every scene, and shows that each rule is needed.
//! `-- wide` goes further, for minutes.

use std::process::ExitCode;
use std::time::Instant;

use cachecow_model::scenes::{self, Extent};

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
    for scene in scenes::all(extent) {
        let explored = scene.explore(threads);
        states += explored.states;
        sound &= explored.wrong.is_none();
        println!("{explored}");
    }
    println!("{states} states in {:.0} s", began.elapsed().as_secs_f64());
    for (without, scene) in scenes::controls() {
        let explored = scene.explore(threads);
        sound &= explored.wrong.is_some();
        println!("\nControl: {without}\n{explored}");
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
