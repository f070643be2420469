//! How an object is written into its stored document and read back: MessagePack, field by field.
//!
//! `#[derive(Cached)]` and `#[derive(CacheSchema)]` generate calls of these types. They are needed by hand
//! only for a type whose [`CacheSchema`](crate::CacheSchema) is written by hand.
//!
//! | value | MessagePack |
//! |---|---|
//! | a struct | an array of its fields, in order |
//! | an enum's variant | its index; with fields an array of the index and the fields |
//! | integers, floats, `bool`, text | as such, as short as it goes |
//! | `Vec<u8>`, `u128`, UUIDs and their like | binary data |
//! | lists, sets, arrays, tuples | an array |
//! | maps | a map |
//! | `None` | nil; `Some` is the value itself, or an array around it if that may be nil too |
//! | a field marked `#[cache(opaque)]` or `#[cache(with = …)]` | binary data: what serde makes of it |

mod comparison;
mod decoder;
mod digest;
mod encoder;
mod error;
mod kind;
mod marker;
mod opaque;
mod soundness;

pub use comparison::Comparison;
pub use decoder::Decoder;
pub use encoder::Encoder;
pub use error::DecodeError;
pub use kind::Kind;

pub(crate) use comparison::difference;
pub(crate) use encoder::Unfit;
pub use opaque::{ForeignDeserializer, ForeignSerializer};

/// How deep structs, enums and what serde writes may nest. Each level takes stack.
const MAX_DEPTH: usize = 128;

#[cfg(test)]
mod tests;
