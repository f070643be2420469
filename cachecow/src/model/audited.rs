//! A lookup that the auditor may read again.

use std::any::Any;
use std::fmt;

/// An owned lookup that an [`Auditor`](crate::Auditor) may use after the read; what
/// [`Lookup::audited`](crate::Lookup::audited) returns.
///
/// ```
/// # #[cfg(feature = "derive")]
/// # include!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/examples/users.rs"));
/// # #[cfg(feature = "derive")]
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let (cow, db) = (CacheCow::memory(), Db);
/// use cachecow::{Audited, Error, KeyEncoder, Lookup};
///
/// /// A user by the text of a form.
/// #[derive(Clone)]
/// struct ByText(String);
///
/// impl Lookup for ByText {
///     type Object = User;
///     type Context = Db;
///     const NAME: &'static str = "ByText";
///
///     fn key(&self) -> KeyEncoder {
///         User::by_id(self.0.trim().parse().unwrap_or_default()).key()
///     }
///     fn key_of(user: &User) -> KeyEncoder {
///         User::by_id(user.id).key()
///     }
///     async fn fetch(&self, db: &Db) -> Result<Option<User>, Error> {
///         let found = User::find(db, self.0.trim().parse().unwrap_or_default()).await;
///         found.map_err(|error| Error::fetch(Self::NAME, error))
///     }
///     // It owns its parts, so that the auditor may fetch by it again.
///     fn audited(&self) -> Option<Audited> {
///         Some(Audited::of(self.clone()))
///     }
/// }
///
/// assert!(cow.with(&db).get(ByText(" 1 ".into())).await?.is_some());
/// # Ok(())
/// # }
/// # #[cfg(not(feature = "derive"))] fn main() {}
/// ```
pub struct Audited(pub(crate) Box<dyn Any + Send>);

impl fmt::Debug for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The lookup's parts may be personal data.
        f.debug_struct("Audited").finish_non_exhaustive()
    }
}
