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
//!   claimed or stored; so what is stored later was fetched later. It does not matter whose hold it is,
//!   nor whether some hold was evicted or flushed before: if one is seen now, it has stood since it was
//!   last placed, and that was before the commit or after it.
//! - When a change could not be confirmed, to its own process at once, since it reads past the cache; to
//!   all others when the background has told the cache.
//! - What was cancelled promises nothing, nor does a writer that died without its hold having been seen
//!   after the commit.
//!
//! One thing less than it may seem is asked of `write`: it returns `Ok` when the hold was placed and its
//! end could not be told, since the hold stands. If the server forgot the hold meanwhile (a flush, an
//! eviction, a restart) nothing protects the key until the background has told the cache. That is under
//! "What Redis forgets" in the README; here it is promised when the background is done.
//!
//! Near reads in other processes may be older than promised for as long as the near tier's bound: they
//! are counted, and are violations beyond it. Every other read is held to the promise exactly, in
//! processes that have a near tier, too. A read that fails must fail with its fetch's error. An absence
//! must be one that the object had at a version that may be returned.
//!
//! A restarted server begins empty. From a snapshot it would bring back what was invalidated, which is
//! not promised otherwise, and not done here.
//!
//! With `--cluster` masters are killed and fail over, which loses invalidations: the reads that are
//! older than promised are counted, and each must be explained by a failover. With `--replica-acks` none
//! may be, but of what was invalidated by an alias alone.

#![allow(clippy::missing_panics_doc, reason = "test support panics where a test should fail")]

pub mod act;
pub mod arguments;
mod bursts;
mod changes;
pub mod failovers;
pub mod faults;
mod history;
mod holds;
mod kept;
mod objects;
mod orders;
mod processes;
mod proxy;
mod reads;
pub mod report;
pub mod run;
mod runtimes;
mod server;
mod shared;
mod stage;
mod trace;
mod trials;
mod unpolled;
pub mod worker;
