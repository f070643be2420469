//! The cache follows PostgreSQL's log.

mod changes;
mod checks;
mod emit;
mod document;
mod failover;
mod faults;
mod gate;
mod via;
mod links;
mod outage;
mod writers;
