//! Structs whose parts are macro fragments.

#![deny(warnings)]

use cachecow::{CacheSchema, Cached, KeyPart, Lookup};

macro_rules! table {
    ($vis:vis $name:ident, $key:literal, $ttl:expr, $context:ty, $fetch:path, $many:path,
     $($field:ident: $ty:ty),*) => {
        #[derive(Cached)]
        #[cache(context = $context, ttl = $ttl)]
        #[cache(key = $key, fetch = $fetch, fetch_many = $many)]
        $vis struct $name {
            $($field: $ty),*
        }
    };
}

macro_rules! newtype {
    ($name:ident($ty:ty)) => {
        #[derive(Clone, CacheSchema, KeyPart)]
        struct $name($ty);
    };
}

macro_rules! whole {
    ($name:ident { $id:ident }) => {
        #[derive(Cached)]
        #[cache(key = "whole:{id}:{text}", fetch = Self::find)]
        struct $name {
            $id: i64,
            text: String,
        }

        impl $name {
            async fn find(id: i64, text: &str) -> Result<Self, std::fmt::Error> {
                Ok(Self { $id: id, text: text.to_owned() })
            }
        }
    };
}

newtype!(Id(i64));
whole!(Whole { id });
table!(
    pub(crate) User, "user:{id}:{email}:{number}", "10m", Box<dyn Send + Sync>, User::find,
    User::find_many, id: Id, email: String, number: u32
);

impl User {
    async fn find(
        _: &Box<dyn Send + Sync>,
        id: &Id,
        email: &str,
        number: u32,
    ) -> Result<Self, std::fmt::Error> {
        Ok(Self { id: id.clone(), email: email.to_owned(), number })
    }

    async fn find_many(
        _: &Box<dyn Send + Sync>,
        _: &[(Id, String, u32)],
    ) -> Result<Vec<Self>, std::fmt::Error> {
        Ok(Vec::new())
    }
}

fn main() {
    let lookup = User::by_id_and_email_and_number(Id(1), "a", 2);
    assert_eq!(lookup.key().key(), lookup.clone().key().key());
    let _ = Whole::by_id_and_text(1, "a");
}
