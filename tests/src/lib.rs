//! What the tests of cachecow share: real servers, and a backing store that can be held up.

#![allow(clippy::missing_panics_doc, reason = "test support panics where a test should fail")]

pub mod any_pool;
pub mod backends;
pub mod board;
pub mod caches;
pub mod change_streams;
pub mod clock;
pub mod cloud;
pub mod collision;
pub mod controlled;
pub mod deploy;
pub mod distance;
pub mod events;
pub mod faulty;
pub mod followed;
pub mod foreign;
pub mod front;
pub mod gate;
pub mod held;
pub mod lossy;
pub mod members;
pub mod monitoring;
pub mod moody;
pub mod patient;
pub mod peer;
pub mod posts;
pub mod proxy;
pub mod readme;
pub mod relay;
pub mod resp;
pub mod scraped;
pub mod seen;
pub mod servers;
pub mod stampede;
pub mod store;
pub mod told_log;
pub mod unfenced;
pub mod wrapped;
