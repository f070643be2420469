//! How a type is stored, with a fingerprint of its shape, so that a value of another shape is a miss.

mod collections;
mod crates;
mod plain;
mod pointers;
mod times;

use xxhash_rust::const_xxh3::xxh3_64;

use crate::codec::{Comparison, DecodeError, Decoder, Encoder};
use crate::key::KeyEncoder;

/// A type that can be stored: how it is written and read, and a fingerprint of its shape.
///
/// `#[derive(CacheSchema)]` implements it for structs and enums, and `#[derive(Cached)]` includes it. Every stored
/// value carries the fingerprint of the type that wrote it. If it differs from the reader's, the read is a miss,
/// never a wrong value. The fingerprint covers the type's name, the names, order and types of its fields and
/// variants, and the fingerprints of all nested types.
///
/// It is implemented for types of the standard library, and with features for those of other crates;
/// [Stored types](crate::guide::stored_types) lists them. Mark a field of any other type that has serde's traits
/// with `#[cache(opaque)]`.
///
/// # By hand
///
/// ```
/// use cachecow::CacheSchema;
/// use cachecow::codec::{DecodeError, Decoder, Encoder};
///
/// struct Celsius(f64);
///
/// impl CacheSchema for Celsius {
///     const NAME: &'static str = "Celsius";
///     /// Any number; another one whenever the encoding changes.
///     const FINGERPRINT: u64 = 1;
///
///     fn write_to(&self, encoder: &mut Encoder) {
///         encoder.f64(self.0);
///     }
///
///     fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
///         Ok(Self(decoder.f64()?))
///     }
/// }
/// ```
///
/// `write_to` must write exactly one MessagePack value; otherwise the values after it cannot be read. Such a value
/// is not stored, because every value is read back before it is stored.
#[diagnostic::on_unimplemented(
    message = "cachecow does not know how to store `{Self}`",
    label = "no `CacheSchema`",
    note = "if `{Self}` is yours, add `#[derive(cachecow::CacheSchema)]` to it",
    note = "if it is a type of bson, bytes, chrono, indexmap, rust_decimal, serde_json, smallvec, time, \
        url or uuid, enable cachecow's feature of that name",
    note = "if it is a type of another crate with serde's `Serialize` and `Deserialize`, write \
        `#[cache(opaque)]` on the field"
)]
pub trait CacheSchema: Sized {
    /// The type's name, without its arguments.
    const NAME: &'static str;
    /// A number that changes with the stored shape.
    const FINGERPRINT: u64;
    /// Whether a value may be written as nil. If `false`, an `Option` of the type stores `Some` without an extra
    /// byte.
    const MAY_BE_NIL: bool = true;

    /// Writes the value as one MessagePack value.
    fn write_to(&self, encoder: &mut Encoder);

    /// Reads what [`write_to`](Self::write_to) wrote. The bytes are untrusted.
    ///
    /// # Errors
    ///
    /// [`DecodeError`] if the bytes are not such a value.
    fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError>;

    /// Returns whether two values are equal in everything that is stored of them. Before a value is stored, it is
    /// read back and compared in this way. By default both are encoded, and the bytes are compared.
    fn is_same(&self, other: &Self, comparison: &mut Comparison) -> bool {
        let _ = comparison;
        Comparison::by_encoding(self, other, Self::write_to)
    }

    /// Writes the type's full name into the key of a generic cached struct, if this type is one of
    /// its arguments, so that `Page<Vec<User>>` and `Page<Vec<Order>>` never share a key.
    ///
    /// A type with arguments of its own writes a group: its name, then the arguments' full names.
    ///
    /// # Consistency
    ///
    /// A name is not a path: two types with the same name in different modules share it. If both
    /// are arguments of one cached struct, give one of them another name by hand.
    fn write_name(encoder: &mut KeyEncoder) {
        encoder.scope(Self::NAME);
    }

    /// Writes a list of values; bytes as binary data.
    #[doc(hidden)]
    fn write_slice(items: &[Self], encoder: &mut Encoder) {
        encoder.list(items.iter());
    }

    /// Reads a list of values.
    #[doc(hidden)]
    fn read_vec(decoder: &mut Decoder<'_>) -> Result<Vec<Self>, DecodeError> {
        decoder.vec()
    }

    /// Whether two lists of values are the same.
    #[doc(hidden)]
    fn are_same(items: &[Self], others: &[Self], comparison: &mut Comparison) -> bool {
        items.len() == others.len()
            && items.iter().zip(others).all(|(item, other)| item.is_same(other, comparison))
    }
}

/// The fingerprint of a described shape and of the types nested in it.
pub const fn fingerprint(description: &str, nested: &[u64]) -> u64 {
    let mut hash = xxh3_64(description.as_bytes());
    let mut index = 0;
    while index < nested.len() {
        // Order matters: (A, B) and (B, A) are different shapes.
        hash = (hash.rotate_left(23) ^ nested[index]).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        index += 1;
    }
    hash
}

/// The full name of a type with arguments.
fn write_composite(encoder: &mut KeyEncoder, name: &str, arguments: &[fn(&mut KeyEncoder)]) {
    encoder.group(1 + arguments.len());
    encoder.scope(name);
    for write_name in arguments {
        write_name(encoder);
    }
}

/// `NAME`, `FINGERPRINT` and `write_name` of a type with these parameters.
macro_rules! shape_of {
    ($name:literal) => {
        const NAME: &'static str = $name;
        const FINGERPRINT: u64 = $crate::model::schema::fingerprint($name, &[]);
    };
    ($name:literal, $($parameter:ident),+) => {
        const NAME: &'static str = $name;
        const FINGERPRINT: u64 =
            $crate::model::schema::fingerprint($name, &[$($parameter::FINGERPRINT),+]);

        fn write_name(encoder: &mut $crate::key::KeyEncoder) {
            $crate::model::schema::write_composite(encoder, $name, &[$($parameter::write_name),+]);
        }
    };
}
/// The common code of all lists and sets (`list`), and of all maps (`pairs`). `list` and `pairs` are methods of the
/// encoder and the decoder.
macro_rules! sequence_of {
    ($method:ident: $name:literal, $($part:ident),+) => {
        $crate::model::schema::shape_of!($name, $($part),+);
        const MAY_BE_NIL: bool = false;

        fn write_to(&self, encoder: &mut Encoder) {
            encoder.$method(self.iter());
        }

        fn read_from(decoder: &mut Decoder<'_>) -> Result<Self, DecodeError> {
            decoder.$method()
        }
    };
}

/// Whether the items are the same, in their order.
fn same_items<'a, T: CacheSchema + 'a>(
    some: impl ExactSizeIterator<Item = &'a T>,
    others: impl ExactSizeIterator<Item = &'a T>,
    comparison: &mut Comparison,
) -> bool {
    some.len() == others.len()
        && some.zip(others).all(|(one, other)| one.is_same(other, comparison))
}

/// Whether the pairs are the same, in their order.
fn same_pairs<'a, K: CacheSchema + 'a, V: CacheSchema + 'a>(
    some: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
    others: impl ExactSizeIterator<Item = (&'a K, &'a V)>,
    comparison: &mut Comparison,
) -> bool {
    some.len() == others.len()
        && some.zip(others).all(|(one, other)| is_same_pair(one, other, comparison))
}

fn is_same_pair<K: CacheSchema, V: CacheSchema>(
    (key, value): (&K, &V),
    (other_key, other_value): (&K, &V),
    comparison: &mut Comparison,
) -> bool {
    key.is_same(other_key, comparison) && value.is_same(other_value, comparison)
}

use {sequence_of, shape_of};

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
    use std::sync::Arc;

    use super::*;

    fn name<T: CacheSchema>() -> KeyEncoder {
        written(T::write_name)
    }

    fn written(write: impl FnOnce(&mut KeyEncoder)) -> KeyEncoder {
        let mut encoder = KeyEncoder::new("{}");
        write(&mut encoder);
        encoder
    }

    #[test]
    fn every_bit_of_what_is_nested_counts_and_where_it_stands() {
        let one = (0..u64::BITS).map(|bit| fingerprint("T", &[1 << bit]));
        let others = [&[][..], &[0], &[0, 0], &[1, 2], &[2, 1]].map(|n| fingerprint("T", n));
        let all: HashSet<u64> = one.chain(others).collect();
        assert_eq!(all.len(), 64 + 5);
    }

    /// A group of the type's own name and its arguments', each again a group if it has some.
    #[test]
    fn a_name_tells_the_arguments() {
        let map = written(|encoder| {
            encoder.group(3);
            encoder.scope("Map");
            encoder.scope("i64");
            encoder.group(2);
            encoder.scope("Option");
            encoder.scope("String");
        });
        let set = written(|encoder| {
            encoder.group(2);
            encoder.scope("Set");
            encoder.scope("u8");
        });
        let array = written(|encoder| {
            encoder.group(3);
            encoder.scope("array");
            encoder.scope("u8");
            encoder.int(7);
        });
        for (name, expected) in [
            (name::<HashMap<i64, Option<String>>>(), &map),
            (name::<BTreeMap<Box<i64>, Option<String>>>(), &map),
            (name::<HashSet<u8>>(), &set),
            (name::<Arc<BTreeSet<u8>>>(), &set),
            (name::<[u8; 7]>(), &array),
        ] {
            assert_eq!(name.as_bytes(), expected.as_bytes());
        }
    }
}
