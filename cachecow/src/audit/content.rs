//! What an object says, field by field, as hashes: two are compared whose type has no `PartialEq`, or
//! one that looks at the primary key only.
//!
//! Maps and lists count as what they hold, in any order: a `HashMap` or `HashSet` has none, and a set
//! cannot be told from a list once it is serialized.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;
use serde::ser::{self, Serializer};
use xxhash_rust::xxh3::xxh3_128;

/// An object's fields, by the names that they are serialized by; or that there is no object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Content(BTreeMap<&'static str, u128>);

/// That there is an object.
const EXISTENCE: &str = "(existence)";
/// All of an object that is no struct with fields of fixed names. A map's keys are data, and never
/// taken for names.
const WHOLE: &str = "(whole)";

impl Content {
    pub(super) fn of<T: Serialize>(object: Option<&T>) -> Result<Self, fmt::Error> {
        let mut content = Self::default();
        if let Some(object) = object {
            let whole = object.serialize(Digester { fields: Some(&mut content.0) })?;
            if content.0.is_empty() {
                content.0.insert(WHOLE, whole);
            }
            content.0.insert(EXISTENCE, 0);
        }
        Ok(content)
    }

    /// The fields by which this differs from what has twice been found to be the case.
    pub(super) fn against(&self, first: &Self, second: &Self) -> Vec<&'static str> {
        shortened(self.differing(first).filter(|name| first.0.get(name) == second.0.get(name)))
    }

    /// The fields by which two differ.
    pub(super) fn but(&self, other: &Self) -> Vec<&'static str> {
        shortened(self.differing(other))
    }

    fn differing(&self, other: &Self) -> impl Iterator<Item = &'static str> {
        let names: BTreeSet<&'static str> = self.0.keys().chain(other.0.keys()).copied().collect();
        names.into_iter().filter(|name| self.0.get(name) != other.0.get(name))
    }
}

/// Where there is an object or none, it goes without saying that all fields differ.
fn shortened(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let names: Vec<&'static str> = names.collect();
    if names.contains(&EXISTENCE) { vec![EXISTENCE] } else { names }
}

/// Hashes a value. Of the outermost struct it also keeps the hash of each field.
struct Digester<'a> {
    fields: Option<&'a mut BTreeMap<&'static str, u128>>,
}

/// Hashes what has parts.
struct Parts<'a> {
    digest: u128,
    key: u128,
    fields: Option<&'a mut BTreeMap<&'static str, u128>>,
}

fn nested<T: Serialize + ?Sized>(value: &T) -> Result<u128, fmt::Error> {
    value.serialize(Digester { fields: None })
}

fn both(one: u128, other: u128) -> u128 {
    let mut bytes = [0; 32];
    bytes[..16].copy_from_slice(&one.to_le_bytes());
    bytes[16..].copy_from_slice(&other.to_le_bytes());
    xxh3_128(&bytes)
}

impl Parts<'_> {
    fn of(kind: &str) -> Self {
        Self { digest: xxh3_128(kind.as_bytes()), key: 0, fields: None }
    }

    fn add_in_order<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.digest = both(self.digest, nested(value)?);
        Ok(())
    }

    fn add_in_any_order(&mut self, digest: u128) {
        // Hashed once more, so that a sum of sums is none of all their parts.
        self.digest = self.digest.wrapping_add(both(1, digest));
    }

    fn add_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), fmt::Error> {
        let digest = nested(value)?;
        self.add_in_any_order(both(xxh3_128(name.as_bytes()), digest));
        if let Some(fields) = &mut self.fields {
            fields.insert(name, digest);
        }
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

impl<'a> Serializer for Digester<'a> {
    type Ok = u128;
    type Error = fmt::Error;
    type SerializeSeq = Parts<'a>;
    type SerializeTuple = Parts<'a>;
    type SerializeTupleStruct = Parts<'a>;
    type SerializeTupleVariant = Parts<'a>;
    type SerializeMap = Parts<'a>;
    type SerializeStruct = Parts<'a>;
    type SerializeStructVariant = Parts<'a>;

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
        Ok(both(2, nested(value)?))
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
        Ok(both(xxh3_128(variant.as_bytes()), nested(value)?))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Parts<'a>, fmt::Error> {
        Ok(Parts::of("seq"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Parts<'a>, fmt::Error> {
        Ok(Parts::of("tuple"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, fmt::Error> {
        Ok(Parts::of("tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, fmt::Error> {
        Ok(Parts::of(variant))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Parts<'a>, fmt::Error> {
        Ok(Parts::of("map"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Parts<'a>, fmt::Error> {
        Ok(Parts { fields: self.fields, ..Parts::of("struct") })
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Parts<'a>, fmt::Error> {
        Ok(Parts::of(variant))
    }

    /// As for the cache's own encoding, so that what a type hides from one it hides from the other.
    fn is_human_readable(&self) -> bool {
        false
    }
}

macro_rules! parts {
    ($($kind:ident: $add:ident($($name:ident)?) $with:ident;)*) => {$(
        impl ser::$kind for Parts<'_> {
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

impl ser::SerializeSeq for Parts<'_> {
    type Ok = u128;
    type Error = fmt::Error;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.add_in_any_order(nested(value)?);
        Ok(())
    }

    fn end(self) -> Result<u128, fmt::Error> {
        Ok(self.digest)
    }
}

impl ser::SerializeMap for Parts<'_> {
    type Ok = u128;
    type Error = fmt::Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), fmt::Error> {
        self.key = nested(key)?;
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), fmt::Error> {
        self.add_in_any_order(both(self.key, nested(value)?));
        Ok(())
    }

    fn end(self) -> Result<u128, fmt::Error> {
        Ok(self.digest)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[derive(Clone, Serialize)]
    struct Shelf {
        name: String,
        books: HashMap<String, u32>,
        readers: HashSet<u32>,
        place: (i32, i32),
        state: State,
    }

    #[derive(Clone, Serialize)]
    enum State {
        Open,
        Lent(u32),
        Sold { to: Option<String> },
    }

    fn shelf() -> Shelf {
        Shelf {
            name: "history".to_owned(),
            books: (0..100).map(|number| (format!("book {number}"), number)).collect(),
            readers: (0..100).collect(),
            place: (1, 2),
            state: State::Open,
        }
    }

    fn content(shelf: &Shelf) -> Content {
        Content::of(Some(shelf)).unwrap()
    }

    #[test]
    fn maps_and_sets_have_no_order() {
        for _ in 0..10 {
            assert_eq!(content(&shelf()), content(&shelf()));
        }
        let lists = [vec![3, 1, 2], vec![1, 2, 3]].map(|list| Content::of(Some(&list)).unwrap());
        assert_eq!(lists[0], lists[1]);
    }

    #[test]
    fn every_change_is_seen_in_its_field() {
        type Change = fn(&mut Shelf);
        let changes: [(&str, Change); 10] = [
            ("name", |shelf| shelf.name.push('!')),
            ("books", |shelf| shelf.books.retain(|name, _| name != "book 7")),
            ("books", |shelf| *shelf.books.get_mut("book 7").unwrap() += 1),
            ("books", |shelf| {
                let one = shelf.books.insert("book 1".to_owned(), 2).unwrap();
                shelf.books.insert("book 2".to_owned(), one);
            }),
            ("readers", |shelf| shelf.readers.retain(|reader| *reader != 7)),
            ("place", |shelf| shelf.place = (2, 1)),
            ("state", |shelf| shelf.state = State::Lent(0)),
            ("state", |shelf| shelf.state = State::Lent(1)),
            ("state", |shelf| shelf.state = State::Sold { to: None }),
            ("state", |shelf| shelf.state = State::Sold { to: Some(String::new()) }),
        ];
        let before = content(&shelf());
        let mut all = Vec::new();
        for (name, change) in changes {
            let mut changed = shelf();
            change(&mut changed);
            let after = content(&changed);
            assert_eq!(before.but(&after), [name]);
            assert!(all.iter().all(|other| *other != after), "each differs from the others");
            all.push(after);
        }
    }

    #[test]
    fn a_sequence_is_not_what_its_parts_hold() {
        let [one, other] = [vec![vec![1, 2], vec![3]], vec![vec![1], vec![2, 3]]];
        assert_ne!(Content::of(Some(&one)).unwrap(), Content::of(Some(&other)).unwrap());
    }

    #[test]
    fn only_the_names_of_fields_are_names() {
        let map = |value: u32| HashMap::from([("ann@example.org", value)]);
        let [one, other] = [map(1), map(2)].map(|map| Content::of(Some(&map)).unwrap());
        assert_eq!(one.but(&other), [WHOLE]);
    }

    #[test]
    fn an_object_differs_from_none() {
        let (some, none) = (content(&shelf()), Content::of(None::<&Shelf>).unwrap());
        assert_eq!(some.but(&none), [EXISTENCE]);
        assert_eq!(some.against(&none, &none), [EXISTENCE]);
        assert!(some.against(&none, &some).is_empty(), "it is back");
    }

    #[test]
    fn what_changes_all_the_time_proves_nothing() {
        let change =
            |name: &str, place| content(&Shelf { name: name.to_owned(), place, ..shelf() });
        let served = change("old", (0, 0));
        assert_eq!(served.against(&change("new", (1, 0)), &change("new", (2, 0))), ["name"]);
        assert!(served.against(&change("old", (1, 0)), &change("old", (2, 0))).is_empty());
    }
}
