//! A property on many pseudo-random inputs.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// How many inputs there are if nothing else is asked for.
const CASES: u64 = 3000;
/// How long an input is at the most.
const LONGEST: usize = 1024;

/// Checks the property on as many inputs as `CACHECOW_CASES` says, 3,000 by default, each from a seed
/// of its own: from `CACHECOW_SEED` on, 0 by default.
///
/// # Panics
///
/// As the property does, after the seed was printed.
pub fn check(property: fn(&[u8])) {
    let (first, cases) = (number("CACHECOW_SEED", 0), number("CACHECOW_CASES", CASES));
    let mut input = Vec::new();
    for seed in first..first.saturating_add(cases) {
        let mut random = fastrand::Rng::with_seed(seed);
        input.resize(random.usize(..=LONGEST), 0);
        random.fill(&mut input);
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| property(&input))) {
            eprintln!("to see this again: CACHECOW_SEED={seed} CACHECOW_CASES=1");
            resume_unwind(panic);
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    match std::env::var(variable) {
        Ok(text) => text.parse().unwrap_or_else(|_| panic!("{variable} is no number: {text}")),
        Err(_) => default,
    }
}
