//! What `cachecow::testing` gives to users' own tests.

mod clocks;
mod faults;
mod guide;
mod members;
mod paused;
mod races;
mod records;
mod redis;
mod round_trip;
