//! What it takes to build a key and hash it. The goal is less than 50 ns.
//!
//! ```sh
//! cargo bench -p cachecow-tests --bench key [-- --quick]
//! ```

mod support;

use std::hint::black_box;
use std::time::Instant;

use cachecow::{Key, Lookup};

use crate::support::{User, median, quick};

fn main() {
    let rounds = if quick() { 5 } else { 51 };
    println!("ns a key, median of {rounds} rounds");
    let ids = time(rounds, || key_of(&User::by_id(black_box(1_234_567))));
    println!("{:>34} {ids:>8.1}", "user:{id}, an i64");
    // The lookup owns its text, as it does in a read.
    let emails = time(rounds, || key_of(&User::by_email(black_box("user00001234@example.com"))));
    println!("{:>34} {emails:>8.1}", "user:email:{email}, 24 bytes");
    let lookup = User::by_email("user00001234@example.com");
    let emails = time(rounds, || key_of(black_box(&lookup)));
    println!("{:>34} {emails:>8.1}", "the same, of a lookup that is there");
}

fn key_of(lookup: &impl Lookup) -> Key {
    lookup.key().key()
}

/// In nanoseconds.
fn time(rounds: u32, build: impl Fn() -> Key) -> f64 {
    const KEYS: u32 = 200_000;
    let round = || {
        let began = Instant::now();
        for _ in 0..KEYS {
            black_box(build());
        }
        began.elapsed().as_secs_f64() * 1e9 / f64::from(KEYS)
    };
    round();
    median((0..rounds).map(|_| round()).collect())
}
