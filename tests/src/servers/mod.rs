//! Real servers for tests: each in a temporary folder, on a socket or port of its own, killed and
//! waited for when dropped.

mod authority;
mod azure;
mod cluster;
mod gcs;
mod git;
pub mod install;
mod mariadb;
mod mongodb;
mod moves;
mod poisoned;
mod ports;
mod postgres;
mod process;
mod prometheus;
mod redis;
mod s3;
mod sentinel;
mod tls;

pub use self::authority::Authority;
pub use self::azure::AzureServer;
pub use self::cluster::RedisCluster;
pub use self::gcs::GcsServer;
pub use self::git::git;
pub use self::mariadb::MariaDbServer;
pub use self::mongodb::MongoServer;
pub use self::poisoned::{Answer, PoisonedServer};
pub use self::ports::free_port;
pub use self::postgres::PostgresServer;
pub use self::process::{Process, not_as_root, run};
pub use self::prometheus::Prometheus;
pub use self::redis::RedisServer;
pub use self::s3::S3Server;
pub use self::sentinel::RedisSentinels;
pub use self::tls::TlsServer;
