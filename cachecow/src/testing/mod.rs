//! For the tests of programs that use cachecow (feature `testing`, as a dev-dependency).
//!
//! [`TestCache`] is a [`CacheCow`](crate::CacheCow) on tokio's clock, which a test may pause. It notes what is read,
//! stored, invalidated and written, and it can be told to be down, slow or full, or to lose a race.
//! [`redis`] starts a real server. [`assert_round_trips`] checks that a value comes back from a cache as it went in. The
//! [guide](crate::guide::testing_guide) shows a service's tests.
//!
//! ```
//! # #[cfg(feature = "derive")]
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use cachecow::testing::TestCache;
//! use cachecow::{CacheCow, Cached};
//!
//! #[derive(Cached)]
//! #[cache(key = "user:{id}", fetch = User::find)]
//! struct User { id: i64, name: String }
//! # impl User {
//! #     async fn find(id: i64) -> Result<User, std::io::Error> {
//! #         Ok(User { id, name: String::new() })
//! #     }
//! # }
//!
//! // The code that is tested.
//! async fn rename(cow: &CacheCow, id: i64) -> Result<(), std::io::Error> {
//!     cow.write(User::by_id(id), async { Ok(()) }).await
//! }
//!
//! let cache = TestCache::new();
//! rename(&cache, 42).await?;
//! cache.assert_written(User::by_id(42));
//! cache.assert_invalidated(User::by_id(42));
//! cache.assert_not_invalidated(User::by_id(7));
//! # Ok(())
//! # }
//! # #[cfg(not(feature = "derive"))] fn main() {}
//! ```

mod assertions;
mod cache;
mod clock;
mod faults;
#[cfg(feature = "redis")]
mod redis;
mod round_trip;

pub use self::assertions::Record;
pub use self::cache::TestCache;
#[cfg(feature = "redis")]
pub use self::redis::{RedisServer, redis};
pub use self::round_trip::assert_round_trips;
pub use crate::engine::recorder::Action;
