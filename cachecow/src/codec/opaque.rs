//! Serializing types of other crates with serde.
//!
//! The format is MessagePack that reports `is_human_readable() == true`, with structs as maps. Serde's own buffers
//! (used for `flatten`, `tag` and `untagged`) always report human-readable, whatever the format says. A type such
//! as `IpAddr` chooses its form by that flag: if the format reported `false`, it would be written in one form and
//! read in the other. With structs as arrays, `skip_serializing_if` would shift the fields.

use std::io::{self, Write};
use std::mem;

use rmp_serde::config::{DefaultConfig, HumanReadableConfig, StructMapConfig};
use rmp_serde::decode::{Error as RmpDecodeError, ReadRefReader};
use serde::Deserialize;

use super::error::DecodeError;
use super::{MAX_DEPTH, soundness};

type Config = HumanReadableConfig<StructMapConfig<DefaultConfig>>;

/// The serializer for a function written for serde.
///
/// ```
/// use std::net::IpAddr;
/// use cachecow::CacheSchema;
/// use cachecow::codec::{DecodeError, Decoder, Encoder, ForeignDeserializer, ForeignSerializer};
/// use serde::{Deserialize as _, Serialize as _};
///
/// #[derive(Debug, PartialEq)]
/// struct Host(IpAddr);
///
/// fn write(address: &IpAddr, serializer: ForeignSerializer<'_>) -> Result<(), rmp_serde::encode::Error> {
///     address.serialize(serializer)
/// }
///
/// fn read(deserializer: ForeignDeserializer<'_, '_>) -> Result<IpAddr, rmp_serde::decode::Error> {
///     IpAddr::deserialize(deserializer)
/// }
///
/// impl CacheSchema for Host {
///     const NAME: &'static str = "Host";
///     const FINGERPRINT: u64 = 1;
///     const MAY_BE_NIL: bool = false;
///
///     fn write_to(&self, encoder: &mut Encoder) {
///         encoder.foreign(|serializer| write(&self.0, serializer));
///     }
///
///     fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
///         decoder.foreign(read).map(Self)
///     }
/// }
///
/// # #[cfg(feature = "testing")] {
/// # use cachecow::testing::assert_round_trips;
/// assert_round_trips(&Host("10.0.0.1".parse().unwrap()));
/// # }
/// ```
pub type ForeignSerializer<'a> = &'a mut rmp_serde::Serializer<Bounded, Config>;

/// The deserializer for a function written for serde.
///
/// [`ForeignSerializer`] has an example.
pub type ForeignDeserializer<'a, 'de> =
    &'a mut rmp_serde::Deserializer<ReadRefReader<'de, [u8]>, HumanReadableConfig<DefaultConfig>>;

/// Appends the function's output to the bytes, up to this total length. The error is `None` if it is longer.
pub(super) fn serialize(
    bytes: &mut Vec<u8>,
    max_len: usize,
    write: impl FnOnce(ForeignSerializer<'_>) -> Result<(), rmp_serde::encode::Error>,
) -> Result<(), Option<String>> {
    let writer = Bounded { bytes: mem::take(bytes), max_len, exceeded: false };
    let mut serializer = rmp_serde::Serializer::new(writer).with_struct_map().with_human_readable();
    let result = write(&mut serializer);
    let writer = serializer.into_inner();
    *bytes = writer.bytes;
    match result {
        // Even if the function succeeded: it may have ignored a failed write, and the output is incomplete.
        _ if writer.exceeded => Err(None),
        Ok(()) => Ok(()),
        Err(error) => Err(Some(error.to_string())),
    }
}

/// Deserializes the bytes, and checks that none are left.
pub(super) fn deserialize<T>(
    bytes: &[u8],
    read: impl FnOnce(ForeignDeserializer<'_, '_>) -> Result<T, RmpDecodeError>,
) -> Result<T, DecodeError> {
    if !soundness::is_sound(bytes) {
        return Err(DecodeError::new("what serde wrote is no whole MessagePack, or too deep"));
    }
    let mut decoder = rmp_serde::Deserializer::from_read_ref(bytes).with_human_readable();
    decoder.set_max_depth(MAX_DEPTH);
    let decoded = read(&mut decoder).map_err(|error| DecodeError::new(error.to_string()))?;
    // The decoder does not say where it stopped, but a further read fails with this error only at the end.
    match bool::deserialize(&mut decoder) {
        Err(RmpDecodeError::InvalidMarkerRead(_)) => Ok(decoded),
        _ => Err(DecodeError::new("serde left some of what it wrote")),
    }
}

/// Stops the serializer at the limit, before an oversized object has been built up in memory.
#[derive(Debug)]
pub struct Bounded {
    bytes: Vec<u8>,
    max_len: usize,
    exceeded: bool,
}

impl Write for Bounded {
    fn write(&mut self, chunk: &[u8]) -> io::Result<usize> {
        if chunk.len() > self.max_len.saturating_sub(self.bytes.len()) {
            self.exceeded = true;
            return Err(io::Error::other("the value is larger than the cache takes"));
        }
        self.bytes.extend_from_slice(chunk);
        Ok(chunk.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
