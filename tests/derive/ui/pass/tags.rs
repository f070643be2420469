//! Tags of every kind of part, and of a generic struct.

#![deny(missing_docs, unreachable_pub)]

use cachecow::{CacheSchema, Cached, KeyPart, Tag};
use serde::{Deserialize, Serialize};

/// A newtype.
#[derive(Clone, Debug, Serialize, Deserialize, CacheSchema, KeyPart)]
pub struct City(String);

/// A struct.
#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(tag = "org:{org}")]
#[cache(tag = "name:{name}:{city}:{r#type}")]
#[cache(tag = "short:{short}", name = "shortly")]
pub struct User {
    id: i64,
    org: u32,
    name: String,
    city: City,
    short: Box<str>,
    r#type: Option<bool>,
}

impl User {
    async fn find(_: i64) -> Result<Option<User>, std::io::Error> {
        Ok(None)
    }
}

/// A tuple struct with a parameter.
#[derive(Serialize, Deserialize, Cached)]
#[cache(key = "page:{0}", fetch = Page::find)]
#[cache(tag = "kind:{1}")]
pub struct Page<T>(u64, u8, Vec<T>);

impl<T> Page<T> {
    async fn find(_: u64) -> Result<Option<Page<T>>, std::io::Error> {
        Ok(None)
    }
}

fn tags<T: Cached>(object: &T) -> Vec<cachecow::Key> {
    assert!(T::TAGGED);
    let mut tags = Vec::new();
    object.each_tag(&mut |tag| tags.push(tag.key()));
    tags
}

fn main() {
    let city = City("Turin".into());
    let user = User {
        id: 1,
        org: 7,
        name: "Ada".into(),
        city: city.clone(),
        short: "a".into(),
        r#type: None,
    };
    let org: Tag<User> = User::tag_org(7);
    let by_name = User::tag_name_and_city_and_type("Ada", &city, None);
    let short = User::shortly("a");
    assert_eq!(tags(&user), [org.key(), by_name.key(), short.key()]);
    let (bytes, words) = (Page::<u8>::tag_1(3), Page::<String>::tag_1(3));
    assert_ne!(bytes.key(), words.key());
    assert_eq!(tags(&Page(1, 3, vec![0_u8])), [bytes.key()]);
}
