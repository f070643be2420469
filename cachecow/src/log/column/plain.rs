//! The standard library's types.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::num::NonZero;
use std::rc::Rc;
use std::str::FromStr;
use std::sync::Arc;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{ColumnKind, FromColumn, NotInColumn};
use crate::log::Value;

/// With padding or without.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

pub(super) fn parsed<T: FromStr>(value: &Value<'_>) -> Result<T, NotInColumn> {
    value.as_text().and_then(|text| text.parse().ok()).ok_or(NotInColumn)
}

macro_rules! integers {
    ($($int:ty),*) => {$(
        impl FromColumn for $int {
            const KIND: ColumnKind = ColumnKind::Integer;

            fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
                match value {
                    Value::Bool(value) => Ok(Self::from(*value)),
                    value => parsed(value),
                }
            }
        }

        impl FromColumn for NonZero<$int> {
            const KIND: ColumnKind = ColumnKind::Integer;

            fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
                Self::new(<$int>::from_column(value)?).ok_or(NotInColumn)
            }
        }
    )*};
}

integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

impl FromColumn for bool {
    const KIND: ColumnKind = ColumnKind::Bool;

    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
        match value {
            Value::Bool(value) => Ok(*value),
            Value::Text(text) => match &**text {
                "t" | "true" | "1" => Ok(true),
                "f" | "false" | "0" => Ok(false),
                _ => Err(NotInColumn),
            },
            _ => Err(NotInColumn),
        }
    }
}

macro_rules! texts {
    ($($text:ty),*) => {$(
        impl FromColumn for $text {
            const KIND: ColumnKind = ColumnKind::Text;

            fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
                value.as_text().map(Self::from).ok_or(NotInColumn)
            }
        }
    )*};
}

texts!(String, Box<str>, Rc<str>, Arc<str>);

impl FromColumn for Cow<'static, str> {
    const KIND: ColumnKind = ColumnKind::Text;

    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
        String::from_column(value).map(Self::Owned)
    }
}

impl FromColumn for char {
    const KIND: ColumnKind = ColumnKind::Text;

    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
        parsed(value)
    }
}

impl FromColumn for Vec<u8> {
    const KIND: ColumnKind = ColumnKind::Bytes;

    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
        match value {
            Value::Bytes(bytes) => Ok(bytes.to_vec()),
            Value::Text(text) => text.strip_prefix("\\x").and_then(from_hex).ok_or(NotInColumn),
            Value::Base64(text) => BASE64.decode(text.as_bytes()).map_err(|_| NotInColumn),
            _ => Err(NotInColumn),
        }
    }
}

impl<const N: usize> FromColumn for [u8; N] {
    const KIND: ColumnKind = ColumnKind::Bytes;

    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
        Vec::from_column(value)?.try_into().map_err(|_| NotInColumn)
    }
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    let (pairs, []) = text.as_bytes().as_chunks() else { return None };
    pairs.iter().map(|&[high, low]| u8::try_from(digit(high)? << 4 | digit(low)?).ok()).collect()
}

macro_rules! ip_addresses {
    ($($address:ty),*) => {$(
        impl FromColumn for $address {
            const KIND: ColumnKind = ColumnKind::IpAddress;

            fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
                let address = ip_address(value.as_text().ok_or(NotInColumn)?)?;
                Self::try_from(Ip(address))
            }
        }
    )*};
}

ip_addresses!(IpAddr, Ipv4Addr, Ipv6Addr);

/// PostgreSQL prints the length of a network, where it is one, and some casts print that of an address too.
fn ip_address(text: &str) -> Result<IpAddr, NotInColumn> {
    let (address, len) = text.split_once('/').map_or((text, None), |(text, len)| (text, Some(len)));
    let address: IpAddr = address.parse().map_err(|_| NotInColumn)?;
    match (address, len) {
        (_, None) | (IpAddr::V4(_), Some("32")) | (IpAddr::V6(_), Some("128")) => Ok(address),
        _ => Err(NotInColumn),
    }
}

/// An address of either kind, to be converted to the required kind.
struct Ip(IpAddr);

impl TryFrom<Ip> for IpAddr {
    type Error = NotInColumn;

    fn try_from(Ip(address): Ip) -> Result<Self, NotInColumn> {
        Ok(address)
    }
}

impl TryFrom<Ip> for Ipv4Addr {
    type Error = NotInColumn;

    fn try_from(Ip(address): Ip) -> Result<Self, NotInColumn> {
        if let IpAddr::V4(address) = address { Ok(address) } else { Err(NotInColumn) }
    }
}

impl TryFrom<Ip> for Ipv6Addr {
    type Error = NotInColumn;

    fn try_from(Ip(address): Ip) -> Result<Self, NotInColumn> {
        if let IpAddr::V6(address) = address { Ok(address) } else { Err(NotInColumn) }
    }
}

impl<T: FromColumn> FromColumn for Option<T> {
    const KIND: ColumnKind = T::KIND;
    const NULLABLE: bool = true;

    fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
        match value {
            Value::Null => Ok(None),
            value => T::from_column(value).map(Some),
        }
    }
}

macro_rules! pointers {
    ($($pointer:ident),*) => {$(
        impl<T: FromColumn> FromColumn for $pointer<T> {
            const KIND: ColumnKind = T::KIND;
            const NULLABLE: bool = T::NULLABLE;

            fn from_column(value: &Value<'_>) -> Result<Self, NotInColumn> {
                T::from_column(value).map(Self::new)
            }
        }
    )*};
}

pointers!(Box, Rc, Arc);

#[cfg(test)]
mod tests {
    use super::*;

    fn read<T: FromColumn>(text: &str) -> Option<T> {
        T::from_column(&Value::text(text)).ok()
    }

    #[test]
    fn numbers_and_truth_values() {
        assert_eq!(read("-42"), Some(-42_i64));
        assert_eq!(read("340282366920938463463374607431768211455"), Some(u128::MAX));
        assert_eq!(read::<u8>("256"), None);
        assert_eq!(read::<i64>(" 42"), None);
        assert_eq!(read::<i64>("42.0"), None);
        assert_eq!(read::<NonZero<u32>>("0"), None);
        assert_eq!(read("7"), NonZero::new(7_u32));
        for (texts, truth) in [(["t", "true", "1"], true), (["f", "false", "0"], false)] {
            for text in texts {
                assert_eq!(read(text), Some(truth), "{text}");
            }
        }
        assert_eq!(read::<bool>("yes"), None);
        assert_eq!(bool::from_column(&Value::Bool(true)), Ok(true));
    }

    #[test]
    fn texts_are_themselves() {
        assert_eq!(read("ab   "), Some("ab   ".to_owned()), "`char(5)` is padded");
        assert_eq!(read::<Arc<str>>(""), Some("".into()));
        assert_eq!(read("é"), Some('é'));
        assert_eq!(read::<char>("ab"), None);
        assert_eq!(String::from_column(&Value::Null), Err(NotInColumn));
    }

    #[test]
    fn bytes_are_hexadecimal_or_said_to_be_base64() {
        assert_eq!(read("\\x00fF"), Some(vec![0, 255]));
        assert_eq!(read("\\x"), Some(Vec::new()));
        assert_eq!(read("\\x00ff"), Some([0, 255]));
        assert_eq!(read::<[u8; 3]>("\\x00ff"), None);
        for text in ["00ff", "\\x0", "\\x0g", "\\xé", "AP8="] {
            assert_eq!(read::<Vec<u8>>(text), None, "{text}");
        }
        for text in ["AP8=", "AP8"] {
            assert_eq!(Vec::from_column(&Value::Base64(text.into())), Ok(vec![0, 255]), "{text}");
        }
        assert_eq!(Vec::from_column(&Value::Bytes(Cow::Borrowed(&[1]))), Ok(vec![1]));
    }

    #[test]
    fn addresses_may_say_that_they_are_whole() {
        assert_eq!(read("10.0.0.1/32"), Some(Ipv4Addr::new(10, 0, 0, 1)));
        assert_eq!(read("10.0.0.1"), Some(IpAddr::from([10, 0, 0, 1])));
        assert_eq!(read("::1/128"), Some(Ipv6Addr::LOCALHOST));
        for text in ["10.0.0.0/8", "::1/32", "10.0.0.1/", "::1"] {
            assert_eq!(read::<Ipv4Addr>(text), None, "{text}");
        }
    }

    #[test]
    fn null_is_none() {
        assert_eq!(Option::<i64>::from_column(&Value::Null), Ok(None));
        assert_eq!(read("7"), Some(Some(7_i64)));
        const { assert!(<Box<Option<i64>> as FromColumn>::NULLABLE) };
    }
}
