//! The cache follows PostgreSQL's log.

mod changes;
mod checks;
mod faults;
mod gate;
mod writers;
