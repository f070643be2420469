//! What serde makes of types that are not ours.
//!
//! MessagePack that says it is human-readable, with structs as maps. Serde's own buffers, behind `flatten`,
//! `tag` and `untagged`, say that they are human-readable whatever the format does; a type such as `IpAddr`
//! that looks at it is written in one form and read in the other unless the format says the same. With
//! structs as arrays, `skip_serializing_if` would shift the fields.

use std::io::{self, Write};
use std::mem;

use rmp_serde::config::{DefaultConfig, HumanReadableConfig, StructMapConfig};
use rmp_serde::decode::{Error as RmpDecodeError, ReadRefReader};
use serde::Deserialize;

use super::error::DecodeError;
use super::{MAX_DEPTH, soundness};

type Config = HumanReadableConfig<StructMapConfig<DefaultConfig>>;

/// What a function written for serde is given to write with.
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

/// What a function written for serde is given to read with.
///
/// [`ForeignSerializer`] has an example.
pub type ForeignDeserializer<'a, 'de> =
    &'a mut rmp_serde::Deserializer<ReadRefReader<'de, [u8]>, HumanReadableConfig<DefaultConfig>>;

/// Appends to the bytes what the function writes, up to this length in all. The error is `None` if it is
/// longer.
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
        // Even if it went well: what could not be written is missing, and not every object minds.
        _ if writer.exceeded => Err(None),
        Ok(()) => Ok(()),
        Err(error) => Err(Some(error.to_string())),
    }
}

/// Reads what the bytes are, and nothing more.
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
    // The decoder does not tell where it stopped; only at the end there is nothing more to be had.
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
