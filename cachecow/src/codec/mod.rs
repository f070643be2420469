//! How an object is written into its stored document and read back: MessagePack, field by field.
//!
//! `#[derive(Cached)]` and `#[derive(CacheSchema)]` generate calls of these types. You need them only to write a
//! [`CacheSchema`](crate::CacheSchema) by hand.
//!
//! | value | MessagePack |
//! |---|---|
//! | a struct | an array of its fields, in order |
//! | an enum's variant | its index; with fields an array of the index and the fields |
//! | integers, floats, `bool`, text | the same kind, in its shortest form |
//! | `Vec<u8>`, `u128`, UUIDs and similar types | binary data |
//! | lists, sets, arrays, tuples | an array |
//! | maps | a map |
//! | `None` | nil; `Some` is the value itself, or an array around it if that may be nil too |
//! | a field marked `#[cache(opaque)]` or `#[cache(with = …)]` | binary data: its serde serialization |

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

/// How deep structs, enums and serde's output may nest. Each level needs stack space.
const MAX_DEPTH: usize = 128;

#[cfg(test)]
mod tests;
