//! The cache follows PostgreSQL's log.

mod changes;
mod checks;
mod emit;
mod faults;
mod gate;
mod via;
mod writers;
