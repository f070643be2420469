//! The content of an object, field by field, as hashes. They compare two objects whose type has no `PartialEq`, or
//! one that compares only the primary key.
//!
//! The hash of a map or a list does not depend on the order of its items: a `HashMap` or `HashSet` has no order,
//! and once serialized, a set looks like a list.

use std::collections::{BTreeMap, BTreeSet};

use xxhash_rust::xxh3::xxh3_128;

use crate::codec::Encoder;
use crate::model::schema::CacheSchema;

/// An object's fields by name; empty if there is no object.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Content(BTreeMap<&'static str, u128>);

/// Whether there is an object.
const EXISTENCE: &str = "(existence)";
/// The whole content of an object that is not a struct with fields.
const WHOLE: &str = "(whole)";

impl Content {
    /// `None` if the object cannot be encoded.
    pub(super) fn of<T: CacheSchema>(object: Option<&T>) -> Option<Self> {
        let mut content = Self::default();
        if let Some(object) = object {
            let mut encoder = Encoder::for_comparing();
            object.write_to(&mut encoder);
            if encoder.has_failed() {
                return None;
            }
            let (fields, whole) = encoder.fields();
            content.0.extend(fields.map(|(name, bytes)| (name, xxh3_128(bytes))));
            if content.0.is_empty() {
                content.0.insert(WHOLE, xxh3_128(whole));
            }
            content.0.insert(EXISTENCE, 0);
        }
        Some(content)
    }

    /// The fields that differ from the same content, fetched twice.
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

/// If one side is absent, report only that, not all fields.
fn shortened(names: impl Iterator<Item = &'static str>) -> Vec<&'static str> {
    let names: Vec<&'static str> = names.collect();
    if names.contains(&EXISTENCE) { vec![EXISTENCE] } else { names }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    #[derive(Clone, cachecow::CacheSchema)]
    struct Shelf {
        name: String,
        books: HashMap<String, u32>,
        readers: HashSet<u32>,
        place: (i32, i32),
        state: State,
    }

    #[derive(Clone, cachecow::CacheSchema)]
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
        let map = |value: u32| HashMap::from([("ann@example.org".to_owned(), value)]);
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
