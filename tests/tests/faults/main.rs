//! Faults by name: what a read, an invalidation and a write give under each, and that all is well
//! afterwards. `cachecow/docs/faults.md` is made of what these tests expect.
//!
//! `cargo test -p cachecow-tests --all-features --test faults -- --nocapture --test-threads 1 | grep '^| '`
//! prints how long everything took.

mod access;
mod commands;
mod cuts;
mod document;
mod groups;
#[path = "../load/mod.rs"]
mod load;
mod process;
mod refusals;
mod row;
mod servers;
mod several;
mod transport;
mod trial;
