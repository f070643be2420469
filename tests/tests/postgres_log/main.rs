//! The cache follows PostgreSQL's log.

mod changes;
mod checks;
mod document;
mod emit;
mod encoding;
mod failover;
mod faults;
mod gate;
mod links;
mod outage;
mod partitions;
mod restored;
mod tls;
mod via;
mod waits;
mod writers;
