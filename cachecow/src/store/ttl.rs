//! Times to live.

use std::time::Duration;

use crate::clock::LONGEST;
use crate::error::Error;

/// The time to live of a value in a store.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), cachecow::Error> {
/// use std::time::Duration;
/// use cachecow::store::Ttl;
/// use cachecow::{KeyValueStore as _, KeyValueStoreExt as _, MemoryStore};
///
/// let store = MemoryStore::new();
/// store.put_with_ttl("session", "…", Duration::from_secs(1800)).await?;
/// store.put_with_ttl("terms", "…", Ttl::Forever).await?;
/// assert!(store.contains("session").await?);
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
pub enum Ttl {
    /// The store's default; for ever, if it has none.
    #[default]
    StoreDefault,
    /// Until it is replaced or deleted.
    Forever,
    /// For this long, counted in milliseconds.
    After(Duration),
}

impl Ttl {
    /// Returns the time to live in a store with this default; `None` means for ever in both.
    ///
    /// # Errors
    ///
    /// [`InvalidTtl`](crate::ErrorKind::InvalidTtl), for less than a millisecond or more than a hundred years; also
    /// for the default, if it is used.
    pub fn resolve(self, default: Option<Duration>) -> Result<Option<Duration>, Error> {
        let (ttl, whose) = match self {
            Self::StoreDefault => (default, "the store's default time to live"),
            Self::Forever => (None, ""),
            Self::After(ttl) => (Some(ttl), "a time to live"),
        };
        let why = match ttl {
            Some(ttl) if ttl < Duration::from_millis(1) => "at least a millisecond",
            Some(ttl) if ttl > LONGEST => "at most a hundred years",
            ttl => return Ok(ttl),
        };
        Err(Error::invalid_ttl("put", &format!("{whose} is {why}; `Ttl::Forever` sets none")))
    }

    /// Refuses a time to live, for a store that does not support them.
    ///
    /// # Errors
    ///
    /// [`Unsupported`](crate::ErrorKind::Unsupported); [`InvalidTtl`](crate::ErrorKind::InvalidTtl) for one that no
    /// store accepts.
    pub fn refuse(self) -> Result<(), Error> {
        match self.resolve(None)? {
            None => Ok(()),
            Some(_) => Err(Error::unsupported("put", "this store has no times to live")),
        }
    }
}

impl From<Duration> for Ttl {
    fn from(ttl: Duration) -> Self {
        Self::After(ttl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn what_no_store_takes_is_invalid_everywhere() {
        for ttl in [Duration::ZERO, Duration::from_micros(999), Duration::MAX] {
            assert_eq!(Ttl::After(ttl).resolve(None).unwrap_err().kind(), ErrorKind::InvalidTtl);
            assert_eq!(Ttl::After(ttl).refuse().unwrap_err().kind(), ErrorKind::InvalidTtl);
            let default = Ttl::StoreDefault.resolve(Some(ttl)).unwrap_err();
            assert_eq!(default.kind(), ErrorKind::InvalidTtl);
            assert!(default.to_string().contains("the store's default"), "{default}");
            assert_eq!(Ttl::Forever.resolve(Some(ttl)).unwrap(), None);
        }
    }

    #[test]
    fn a_default_yields_to_what_is_asked_for() {
        let hour = Duration::from_secs(3600);
        assert_eq!(Ttl::StoreDefault.resolve(Some(hour)).unwrap(), Some(hour));
        assert_eq!(Ttl::Forever.resolve(Some(hour)).unwrap(), None);
        assert_eq!(Ttl::After(hour).resolve(None).unwrap(), Some(hour));
    }
}
