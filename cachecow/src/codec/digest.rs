//! A hash of a value's serde serialization.
//!
//! The hash of a map or a list does not depend on the order of its items: a `HashMap` or `HashSet` has no order,
//! and once serialized, a set looks like a list. Integers and floats are hashed with their width.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};
use xxhash_rust::xxh3::xxh3_128;

/// The hash of a value, whatever the order of its maps, sets and lists.
pub(super) fn digest<T: Serialize + ?Sized>(value: &T) -> Result<u128, fmt::Error> {
    value.serialize(Digester)
}

/// Hashes a value.
struct Digester;

/// Hashes a value that has parts.
struct Parts {
    digest: u128,
    key: u128,
}

fn both(one: u128, other: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&one.to_le_bytes());
    bytes[16..].copy_from_slice(&other.to_le_bytes());
    xxh3_128(&bytes)
}

impl Parts {
    fn of(kind: &str) -> Self {
        Self { digest: xxh3_128(kind.as_bytes()), key: 0 }
    }

    fn add_in_order<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.digest = both(self.digest, digest(value)?);
        Ok(())
    }

    fn add_in_any_order(&mut self, digest: u128) {
        // Hashed once more: otherwise nested parts and flat parts would have the same sum.
        self.digest = self.digest.wrapping_add(both(1, digest));
    }

    fn add_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        self.add_in_any_order(both(xxh3_128(name.as_bytes()), digest(value)?));
        Ok(())
    }
}

macro_rules! plain {
    ($($method:ident: $type:ty;)*) => {$(
        fn $method(self, value: $type) -> Result<u128, fmt::Error> {
            Ok(xxh3_128(&value.to_le_bytes()))
        }
    )*};
}

impl Serializer for Digester {
    type Ok = u128;
    type Error = fmt::Error;
    type SerializeSeq = Parts;
    type SerializeTuple = Parts;
    type SerializeTupleStruct = Parts;
    type SerializeTupleVariant = Parts;
    type SerializeMap = Parts;
    type SerializeStruct = Parts;
    type SerializeStructVariant = Parts;

    plain! {
        serialize_i8: i8;
        serialize_i16: i16;
        serialize_i32: i32;
        serialize_i64: i64;
        serialize_i128: i128;
        serialize_u8: u8;
        serialize_u16: u16;
        serialize_u32: u32;
        serialize_u64: u64;
        serialize_u128: u128;
        serialize_f32: f32;
        serialize_f64: f64;
    }

    fn serialize_bool(self, value: bool) -> Result<u128, fmt::Error> {
        self.serialize_u8(value.into())
    }

    fn serialize_char(self, value: char) -> Result<u128, fmt::Error> {
        self.serialize_u32(value.into())
    }

    fn serialize_str(self, value: &str) -> Result<u128, fmt::Error> {
        self.serialize_bytes(value.as_bytes())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<u128, fmt::Error> {
        Ok(xxh3_128(value))
    }

    fn serialize_none(self) -> Result<u128, fmt::Error> {
        Ok(0)
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<u128, fmt::Error> {
        Ok(both(2, digest(value)?))
    }

    fn serialize_unit(self) -> Result<u128, fmt::Error> {
        Ok(1)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<u128, fmt::Error> {
        Ok(1)
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<u128, fmt::Error> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<u128, fmt::Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<u128, fmt::Error> {
        Ok(both(xxh3_128(variant.as_bytes()), digest(value)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts, fmt::Error> {
        Ok(Parts::of("seq"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts, fmt::Error> {
        Ok(Parts::of("tuple"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts, fmt::Error> {
        Ok(Parts::of("tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, fmt::Error> {
        Ok(Parts::of(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts, fmt::Error> {
        Ok(Parts::of("map"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts, fmt::Error> {
        Ok(Parts::of("struct"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts, fmt::Error> {
        Ok(Parts::of(variant))
    }

    /// The same as for the encoding, so that a type serializes the same fields for both.
    fn is_human_readable(&self) -> bool {
        true
    }
}

macro_rules! parts {
    ($($kind:ident: $add:ident($($name:ident)?) $with:ident;)*) => {$(
        impl ser::$kind for Parts {
            type Ok = u128;
            type Error = fmt::Error;

            fn $add<T: Serialize + ?Sized>(
                &mut self,
                $($name: &'static str,)?
                value: &T,
            ) -> Result<(), fmt::Error> {
                self.$with($($name,)? value)
            }

            fn end(self) -> Result<u128, fmt::Error> {
                Ok(self.digest)
            }
        }
    )*};
}

parts! {
    SerializeTuple: serialize_element() add_in_order;
    SerializeTupleStruct: serialize_field() add_in_order;
    SerializeTupleVariant: serialize_field() add_in_order;
    SerializeStruct: serialize_field(name) add_field;
    SerializeStructVariant: serialize_field(name) add_field;
}

impl ser::SerializeSeq for Parts {
    type Ok = u128;
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.add_in_any_order(digest(value)?);
        Ok(())
    }

    fn end(self) -> Result<u128, fmt::Error> {
        Ok(self.digest)
    }
}

impl ser::SerializeMap for Parts {
    type Ok = u128;
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        self.key = digest(key)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.add_in_any_order(both(self.key, digest(value)?));
        Ok(())
    }

    fn end(self) -> Result<u128, fmt::Error> {
        Ok(self.digest)
    }
}
