//! Objects without their types.

use std::any::Any;
use std::sync::Arc;

/// An object of any type.
pub(crate) type Object = Arc<dyn Any + Send + Sync>;

/// An object of any type, or `None` for its absence.
pub(crate) type Loaded = Option<Object>;
