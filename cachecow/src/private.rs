//! What the derives' generated code calls. Not part of the public interface: anything here may
//! change in any release.

pub use crate::schema::fingerprint;
pub use crate::stats::StaticSlot;
