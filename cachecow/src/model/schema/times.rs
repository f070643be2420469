//! The standard library's times and addresses.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::plain::plain;
use super::{CacheSchema, shape_of};
use crate::codec::{Comparison, DecodeError, Decoder, Encoder};

/// Reads the variant with the length of the binary data.
fn by_length<A: From<[u8; 4]>, B: From<[u8; 16]>>(
    decoder: &mut Decoder<'_>,
) -> Result<Result<A, B>, DecodeError> {
    let bytes = decoder.bytes()?;
    match (bytes.try_into(), bytes.try_into()) {
        (Ok::<[u8; 4], _>(short), _) => Ok(Ok(short.into())),
        (_, Ok::<[u8; 16], _>(long)) => Ok(Err(long.into())),
        _ => Err(DecodeError::new("an address of invalid length")),
    }
}

plain! {
    Duration = "Duration":
        |value, encoder| (value.as_secs(), value.subsec_nanos()).write_to(encoder),
        |decoder| {
            let (seconds, nanos) = <(u64, u32)>::read_from(decoder)?;
            if nanos < 1_000_000_000 {
                Ok(Self::new(seconds, nanos))
            } else {
                Err(DecodeError::new("nanoseconds of a second or more"))
            }
        };
    SystemTime = "SystemTime":
        |value, encoder| match value.duration_since(UNIX_EPOCH) {
            Ok(since) => (true, since).write_to(encoder),
            Err(before) => (false, before.duration()).write_to(encoder),
        },
        |decoder| {
            let (is_since, distance) = <(bool, Duration)>::read_from(decoder)?;
            let time = if is_since {
                UNIX_EPOCH.checked_add(distance)
            } else {
                UNIX_EPOCH.checked_sub(distance)
            };
            time.ok_or_else(|| DecodeError::new("a time outside this platform's range"))
        };
    Ipv4Addr = "Ipv4Addr":
        |value, encoder| encoder.bytes(&value.octets()),
        |decoder| decoder.array_of_bytes::<4>().map(Self::from);
    Ipv6Addr = "Ipv6Addr":
        |value, encoder| encoder.bytes(&value.octets()),
        |decoder| decoder.array_of_bytes::<16>().map(Self::from);
    IpAddr = "IpAddr":
        |value, encoder| match value {
            Self::V4(address) => address.write_to(encoder),
            Self::V6(address) => address.write_to(encoder),
        },
        |decoder| Ok(match by_length(decoder)? {
            Ok(address) => Self::V4(address),
            Err(address) => Self::V6(address),
        });
    SocketAddrV4 = "SocketAddrV4":
        |value, encoder| (*value.ip(), value.port()).write_to(encoder),
        |decoder| {
            let (ip, port) = <(Ipv4Addr, u16)>::read_from(decoder)?;
            Ok(Self::new(ip, port))
        };
    SocketAddrV6 = "SocketAddrV6":
        |value, encoder| {
            (*value.ip(), value.port(), value.flowinfo(), value.scope_id()).write_to(encoder);
        },
        |decoder| {
            let (ip, port, flow, scope) = <(Ipv6Addr, u16, u32, u32)>::read_from(decoder)?;
            Ok(Self::new(ip, port, flow, scope))
        };
    SocketAddr = "SocketAddr":
        |value, encoder| match value {
            Self::V4(address) => Ok::<_, SocketAddrV6>(*address).write_to(encoder),
            Self::V6(address) => Err::<SocketAddrV4, _>(*address).write_to(encoder),
        },
        |decoder| Ok(match Result::<SocketAddrV4, SocketAddrV6>::read_from(decoder)? {
            Ok(address) => Self::V4(address),
            Err(address) => Self::V6(address),
        });
}
