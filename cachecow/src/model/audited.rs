//! A lookup that the auditor may read again.

use std::any::Any;
use std::fmt;

/// An owned lookup that an [`Auditor`](crate::Auditor) may use after the read; what
/// [`Lookup::audited`](crate::Lookup::audited) returns.
pub struct Audited(pub(crate) Box<dyn Any + Send>);

impl fmt::Debug for Audited {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The lookup's parts may be personal data.
        f.debug_struct("Audited").finish_non_exhaustive()
    }
}
