//! Synchronous fetch functions: with and without a context, generic, with several parts and with none.

use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

use cachecow::{CacheSchema, Cached, Lookup};

type Connection = Arc<Mutex<Vec<u64>>>;

#[derive(Cached)]
#[cache(context = Connection)]
#[cache(key = "row:{shard}:{name}", fetch = blocking(Self::find), fetch_many = blocking(Row::find_many))]
#[cache(key = "row:name:{name}", fetch = Row::by_its_name, fetch_many = blocking(Row::by_names))]
struct Row {
    shard: u8,
    name: String,
}

impl Row {
    fn find(_: &Mutex<Vec<u64>>, shard: u8, name: &str) -> Result<Option<Self>, std::fmt::Error> {
        Ok(Some(Self { shard, name: name.into() }))
    }

    fn find_many(_: &Connection, _: &[(u8, String)]) -> Result<Vec<Self>, Box<dyn std::error::Error + Send + Sync>> {
        Ok(Vec::new())
    }

    async fn by_its_name(_: &Connection, _: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    fn by_names(_: &Connection, _: &[String]) -> Result<Vec<Self>, std::fmt::Error> {
        Ok(Vec::new())
    }
}

#[derive(Cached)]
#[cache(key = "settings", name = "current", fetch = blocking(Settings::load))]
struct Settings {
    theme: String,
}

impl Settings {
    fn load() -> Result<Self, std::fmt::Error> {
        Ok(Self { theme: "light".into() })
    }
}

#[derive(Cached)]
#[cache(key = "page:{first}", fetch = blocking(Self::find))]
struct Page<T> {
    first: u64,
    #[cache(skip)]
    of: PhantomData<T>,
}

impl<T: CacheSchema + Send + Sync + 'static> Page<T> {
    fn find(first: u64) -> Result<Self, std::fmt::Error> {
        Ok(Self { first, of: PhantomData })
    }
}

/// `blocking` without parentheses is a function of that name.
#[derive(Cached)]
#[cache(key = "plain:{id}", fetch = blocking)]
struct Plain {
    id: u64,
}

async fn blocking(id: u64) -> Result<Plain, std::fmt::Error> {
    Ok(Plain { id })
}

fn main() {
    let lookups = (Row::by_shard_and_name(1, "a"), Row::by_name("a"), Settings::current());
    let pages = (Page::<u8>::by_first(1), Plain::by_id(1));
    let _ = (lookups.0.key(), lookups.1.key(), lookups.2.key(), pages.0.key(), pages.1.key());
    let settings = Settings { theme: String::new() };
    drop(settings.theme);
}
