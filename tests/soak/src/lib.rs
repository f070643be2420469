//! The soak: several processes on one real Redis, under faults, with every read checked.
//!
//! ```sh
//! cargo run --release -p cachecow-soak -- 10m         # or 10000000 reads; --help tells the rest
//! ```
//!
//! The backing store is memory that all processes share: for each object a version, which every commit
//! makes one greater, and beside it the version that is **promised**. A read takes the promised version
//! before it begins, and must not return less. What is promised, and when:
//!
//! - When `invalidate`, `invalidate_many` or `invalidate_tag` returns `Ok`: the version that was
//!   committed before it began.
//! - When `write` returns, and the cache has confirmed its end: the version that its work committed,
//!   also if the work then failed.
//! - As soon as a commit was made and **after that** a writer's hold of the key is seen on the server:
//!   the version of the commit, although `write` has not returned, and whatever becomes of its
//!   process. For when the hold was placed, value and claims were removed; while it stands, nothing is
//!   claimed or stored; so what is stored later was fetched later. It does not matter whether some hold was
//!   evicted or flushed before: if one is seen now, it has stood since it was last placed, and that was
//!   before the commit or after it. Nor does it matter whose hold it is, unless it is alone: a writer that
//!   was alone may store what its own work has made, and that is older if this writer's hold was evicted
//!   before the other's was placed. So a lone hold counts only where no other write of the key is under
//!   way, and none has ended in the last time of a hold without the cache's confirmation.
//! - When a change could not be confirmed, to its own process at once, since it reads past the cache; to
//!   all others when the background has told the cache.
//! - What was cancelled promises nothing, nor does a writer that died without its hold having been seen
//!   after the commit.
//!
//! One thing less than it may seem is asked of `write`: it returns `Ok` when the hold was placed and its
//! end could not be told, since the hold stands. If the server forgot the hold meanwhile (a flush, an
//! eviction, a restart) nothing protects the key until the background has told the cache. That is under
//! "What Redis forgets" in `cachecow/docs/promise.md`; here it is promised when the background is done.
//!
//! Near reads in other processes may be older than promised for as long as the near tier's bound: they
//! are counted, and are violations beyond it. Every other read is held to the promise exactly, in
//! processes that have a near tier, too. An absence must be one that the object had at a version that
//! may be returned.
//!
//! An error is held to the promise as a value is. A read that fails must fail with a fetch's error, and
//! that has the version which the store had when the fetch failed: the row may be there since, and a read
//! that begins now may not be told otherwise.
//!
//! A process also shuts runtimes down in the middle of reads, goes on with the next one, leaves reads
//! unpolled, forgets reads, and reads one object from thousands of tasks. The trials of a healthy
//! server come while nothing else goes wrong: the cache may then not seem unreachable, nor its circuit
//! open, nor one object be fetched more than a few times. What hangs is a failure, by a deadline that only
//! a hang exceeds; the report says how far it had come.
//!
//! A restarted server begins empty. From a snapshot it would bring back what was invalidated, which is
//! not promised otherwise, and not done here.
//!
//! With `--cluster` masters are killed, stopped, woken and replaced, slots move, and moves are broken off
//! and begun again; with `--sentinel` the links to the sentinels are cut, too, with a failover
//! meanwhile. A failover loses invalidations: the reads that are older than promised are counted, and
//! each must be explained by a failover. With `--replica-acks` all replicas must acknowledge, and none
//! may be older, but of what was invalidated by an alias alone. What a broken move has left at its
//! destination is deleted there before the move ends, as the operator of a cluster has to.
//!
//! With `--foreign N` N rows of a PostgreSQL database are changed by plain SQL meanwhile, and the same Redis hears of them
//! from the database's log: see [`foreign`].

#![allow(clippy::missing_panics_doc, reason = "test support panics where a test should fail")]

pub mod act;
pub mod arguments;
mod bursts;
mod changes;
mod cluster;
pub mod failovers;
pub mod faults;
pub mod foreign;
mod history;
mod holds;
mod kept;
mod moves;
mod objects;
mod orders;
mod processes;
mod proxy;
mod reads;
pub mod report;
mod rows;
pub mod run;
mod runtimes;
mod sentinels;
mod server;
mod shards;
mod shared;
mod stage;
mod trace;
mod trials;
mod unpolled;
pub mod worker;
