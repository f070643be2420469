//! The service over HTTP, on a real PostgreSQL and a real Redis. No test sleeps, and none asserts a time.

mod endpoints;
mod never_stale;
mod operations;
mod outage;
mod shutdown;
mod support;
mod world;
mod writes;
