//! The shape of a cached type, so that a value of another shape is a miss.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::rc::Rc;
use std::sync::Arc;

use xxhash_rust::const_xxh3::xxh3_64;

use crate::key::{KeyEncoder, KeyPart};

/// A type whose serialized shape has a fingerprint.
///
/// Every stored value carries the fingerprint of the type that wrote it; one that differs from the
/// reader's is a miss, never a misread. `#[derive(Cached)]` and `#[derive(CacheSchema)]` compute it
/// from the fields' names, order, types as written and serde attributes, and from the fingerprints
/// of those field types that implement this trait. A nested struct or enum that implements it
/// therefore changes the fingerprint of everything that contains it; one that does not is covered
/// by its name only.
///
/// # Consistency
///
/// A hand-written `Serialize` or `Deserialize` is invisible to the derive: change its format, and
/// the fingerprint must change too. Implement this trait by hand for such a type.
#[diagnostic::on_unimplemented(
    message = "the shape of `{Self}` is not known",
    label = "no `CacheSchema`",
    note = "a generic cached struct tells its instances apart by their type arguments: add \
            `#[derive(cachecow::CacheSchema)]` to `{Self}`"
)]
pub trait CacheSchema {
    /// The type's name, without its arguments.
    const NAME: &'static str;
    /// A number that changes with the serialized shape.
    const FINGERPRINT: u64;

    /// Writes the type's full name into the key of a generic cached struct that it is an argument
    /// of, so that `Page<Vec<User>>` and `Page<Vec<Order>>` never share a key.
    ///
    /// A type with arguments of its own writes a group: its name, then the arguments' full names.
    ///
    /// # Consistency
    ///
    /// A name is a word, not a path: two types of one name in different modules share it. Where
    /// both are arguments of one cached struct, give one of them another name by hand.
    fn write_name(encoder: &mut KeyEncoder) {
        encoder.scope(Self::NAME);
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

macro_rules! plain {
    ($($type:ty = $name:literal),* $(,)?) => {$(
        impl CacheSchema for $type {
            const NAME: &'static str = $name;
            const FINGERPRINT: u64 = fingerprint($name, &[]);
        }
    )*};
}

plain! {
    i8 = "i8", i16 = "i16", i32 = "i32", i64 = "i64", i128 = "i128", isize = "isize",
    u8 = "u8", u16 = "u16", u32 = "u32", u64 = "u64", u128 = "u128", usize = "usize",
    f32 = "f32", f64 = "f64", bool = "bool", char = "char", String = "String", str = "str", () = "()",
}

#[cfg(feature = "uuid")]
plain!(uuid::Uuid = "Uuid");

/// The full name of a type with arguments.
fn write_composite(encoder: &mut KeyEncoder, name: &str, arguments: &[fn(&mut KeyEncoder)]) {
    encoder.group(1 + arguments.len());
    encoder.scope(name);
    for write_name in arguments {
        write_name(encoder);
    }
}

macro_rules! wrappers {
    ($($name:literal: [$($parameter:ident),*] $type:ty;)*) => {$(
        impl<$($parameter: CacheSchema),*> CacheSchema for $type {
            const NAME: &'static str = $name;
            const FINGERPRINT: u64 = fingerprint($name, &[$($parameter::FINGERPRINT),*]);

            fn write_name(encoder: &mut KeyEncoder) {
                write_composite(encoder, $name, &[$($parameter::write_name),*]);
            }
        }
    )*};
}

wrappers! {
    "Option": [T] Option<T>;
    "Vec": [T] Vec<T>;
    "(,)": [A, B] (A, B);
    "(,,)": [A, B, C] (A, B, C);
    "(,,,)": [A, B, C, D] (A, B, C, D);
}

impl<T: CacheSchema, const N: usize> CacheSchema for [T; N] {
    const NAME: &'static str = "array";
    const FINGERPRINT: u64 = fingerprint("array", &[N as u64, T::FINGERPRINT]);

    fn write_name(encoder: &mut KeyEncoder) {
        write_composite(encoder, Self::NAME, &[T::write_name, |encoder| N.encode(encoder)]);
    }
}

impl<K: CacheSchema, V: CacheSchema, S> CacheSchema for HashMap<K, V, S> {
    const NAME: &'static str = "Map";
    const FINGERPRINT: u64 = fingerprint("Map", &[K::FINGERPRINT, V::FINGERPRINT]);

    fn write_name(encoder: &mut KeyEncoder) {
        write_composite(encoder, Self::NAME, &[K::write_name, V::write_name]);
    }
}

impl<K: CacheSchema, V: CacheSchema> CacheSchema for BTreeMap<K, V> {
    const NAME: &'static str = "Map";
    const FINGERPRINT: u64 = fingerprint("Map", &[K::FINGERPRINT, V::FINGERPRINT]);

    fn write_name(encoder: &mut KeyEncoder) {
        write_composite(encoder, Self::NAME, &[K::write_name, V::write_name]);
    }
}

impl<T: CacheSchema, S> CacheSchema for HashSet<T, S> {
    const NAME: &'static str = "Set";
    const FINGERPRINT: u64 = fingerprint("Set", &[T::FINGERPRINT]);

    fn write_name(encoder: &mut KeyEncoder) {
        write_composite(encoder, Self::NAME, &[T::write_name]);
    }
}

impl<T: CacheSchema> CacheSchema for BTreeSet<T> {
    const NAME: &'static str = "Set";
    const FINGERPRINT: u64 = fingerprint("Set", &[T::FINGERPRINT]);

    fn write_name(encoder: &mut KeyEncoder) {
        write_composite(encoder, Self::NAME, &[T::write_name]);
    }
}

macro_rules! transparent {
    ($($pointer:ident),*) => {$(
        impl<T: CacheSchema + ?Sized> CacheSchema for $pointer<T> {
            const NAME: &'static str = T::NAME;
            const FINGERPRINT: u64 = T::FINGERPRINT;

            fn write_name(encoder: &mut KeyEncoder) {
                T::write_name(encoder);
            }
        }
    )*};
}

transparent!(Box, Rc, Arc);

#[cfg(test)]
mod tests {
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
