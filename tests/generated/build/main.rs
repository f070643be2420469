//! Writes a program of generated type definitions: the seed is `CACHECOW_SEED`, 0 by default.

mod change;
mod definition;
mod generator;
mod write;

use std::path::Path;
use std::{env, fs};

/// How many types there are.
const TYPES: usize = 200;

fn main() {
    println!("cargo::rerun-if-env-changed=CACHECOW_SEED");
    println!("cargo::rerun-if-changed=build");
    let seed = match env::var("CACHECOW_SEED") {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("CACHECOW_SEED is no number: {text}")),
        Err(_) => 0,
    };
    let mut random = fastrand::Rng::with_seed(seed);
    let definitions = generator::definitions(&mut random, TYPES);
    let program = write::program(&definitions, &mut random, seed);
    let out = env::var("OUT_DIR").expect("cargo names the folder");
    fs::write(Path::new(&out).join("definitions.rs"), program).expect("the folder can be written");
}
