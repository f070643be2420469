//! A web service with axum and sqlx on PostgreSQL, whose reads [`cachecow`] serves from Redis.
//!
//! [`users`] and [`posts`] show what your own service would have: a struct with one derive, its fetch functions,
//! and its writes. The rest is the usual code of a web service.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod app;
pub mod errors;
pub mod extract;
pub mod metrics;
pub mod posts;
pub mod routes;
pub mod serve;
pub mod users;
