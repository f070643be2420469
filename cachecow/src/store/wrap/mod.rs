//! Stores that wrap other stores, each adding one thing.

#[cfg(feature = "hmac")]
mod hmac;
mod ids;
mod prefix;
mod read_only;
mod url_encode;

#[cfg(feature = "hmac")]
pub use self::hmac::Hmac;
pub use self::ids::WithIds;
pub use self::prefix::Prefix;
pub use self::read_only::ReadOnly;
pub use self::url_encode::UrlEncode;
