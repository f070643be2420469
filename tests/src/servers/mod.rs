//! Real servers for tests: each in a temporary folder, on a socket or port of its own, killed and
//! waited for when dropped.

pub mod install;
mod process;
mod redis;

pub use self::process::{Process, free_port};
pub use self::redis::RedisServer;
