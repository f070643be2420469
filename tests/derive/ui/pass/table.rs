//! Structs that are rows of tables, and what is not followed beside them.

#![deny(missing_docs, unreachable_pub, unused)]

use cachecow::log::{Followed, FollowedTypes, Row, TableName, Value};
use cachecow::{AllOf, CacheKeys, CacheSchema, Cached, Key, KeyPart, KeySet};

/// A newtype with a marker.
#[derive(Clone, Debug, PartialEq, CacheSchema, KeyPart)]
pub struct Id<T>(i64, std::marker::PhantomData<T>);

/// A newtype that cannot be read from a column, and need not be.
#[derive(Clone, Debug, CacheSchema, KeyPart)]
pub struct Place((i32, i32));

/// With raw names.
#[derive(Clone, Debug, CacheSchema, KeyPart)]
#[allow(non_camel_case_types, missing_docs)]
pub enum Kind {
    r#static,
    Other,
}

/// A row.
#[derive(Debug, Cached)]
#[cache(table = "app.users")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(key = "user:kind:{r#type}", fetch = User::find_by_kind)]
#[cache(list = "user:kinds:{r#type}", fetch = User::find_of_kind)]
#[cache(tag = "users")]
pub struct User {
    #[cache(column = "User Id")]
    id: Id<u8>,
    r#type: Kind,
}

impl User {
    async fn find(_: &Id<u8>) -> Result<Option<User>, std::io::Error> {
        Ok(None)
    }

    async fn find_by_kind(_: &Kind) -> Result<Option<User>, std::io::Error> {
        Ok(None)
    }

    async fn find_of_kind(_: &Kind) -> Result<Vec<User>, std::io::Error> {
        Ok(Vec::new())
    }
}

/// Not followed, with a parameter.
#[derive(Debug, Cached)]
#[cache(key = "page:{first}", fetch = Page::find)]
#[cache(clearable = true)]
pub struct Page<T> {
    first: u64,
    items: Vec<T>,
}

impl<T> Page<T> {
    async fn find(_: u64) -> Result<Option<Page<T>>, std::io::Error> {
        Ok(None)
    }
}

/// Not followed.
#[derive(Debug, Cached)]
#[cache(key = "tile:{place}", fetch = Tile::find)]
#[cache(clearable = true)]
pub struct Tile {
    place: Place,
}

impl Tile {
    async fn find(_: &Place) -> Result<Option<Tile>, std::io::Error> {
        Ok(None)
    }
}

fn whole(all: impl CacheKeys) -> Vec<Key> {
    let mut set = KeySet::default();
    all.add_to(&mut set);
    set.epochs().collect()
}

fn main() {
    let all = (AllOf::<Tile>::new(), AllOf::<Page<u8>>::new(), AllOf::<Page<String>>::default());
    let mut epochs = whole(all);
    epochs.sort_unstable();
    epochs.dedup();
    assert_eq!(epochs.len(), 3, "each type has its own");
    let _ = Page { first: 1, items: vec![1_u8] }.items;

    assert_eq!(User::table(), TableName::new(Some("app"), "users"));
    let row = Row::new().with("User Id", Value::text("7")).with("type", Value::text("static"));
    let mut set = KeySet::default();
    User::add_keys(&row, &mut set).unwrap();
    assert_eq!(set.keys().count(), 3);
    assert_eq!(<(User,)>::tables()[0].columns.len(), 3);
    let _ = Tile::by_place(Place((1, 2)));
    let _ = Kind::Other;
}
