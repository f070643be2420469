//! Structs that are rows of tables, and what is not followed beside them.

#![deny(missing_docs, unreachable_pub, unused)]

use cachecow::log::{Followed, FollowedTypes, Row, TableName, Value};
use cachecow::{CacheSchema, Cached, KeyPart, KeySet};

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

fn main() {
    assert_eq!(User::table(), TableName::new(Some("app"), "users"));
    let row = Row::new().with("User Id", Value::text("7")).with("type", Value::text("static"));
    let mut set = KeySet::default();
    User::add_keys(&row, &mut set).unwrap();
    assert_eq!(set.keys().count(), 2);
    assert_eq!(<(User,)>::tables()[0].columns.len(), 2);
    let _ = Tile::by_place(Place((1, 2)));
    let _ = Kind::Other;
}
