//! Listing, page by page.

use std::collections::HashSet;
use std::hash::{BuildHasher as _, RandomState};
use std::vec;

use ::redis::{Value, cmd, from_redis_value};
use futures_util::{StreamExt as _, stream};

use super::super::KeyStream;
use super::RedisStore;
use super::ask::{malformed, refused};
use crate::error::Error;

/// How many names the server examines for a page; it serves no other client meanwhile.
const PAGE: u32 = 512;

/// The keys that begin with `prefix`.
pub(super) fn keys<'a>(store: &'a RedisStore, prefix: &str) -> KeyStream<'a> {
    let scan = Scan {
        store,
        prefix: prefix.to_owned(),
        pattern: escaped(store.prefix()) + &escaped(prefix) + "*",
        cursor: Some(0),
        page: Vec::new().into_iter(),
        seen: Seen::default(),
    };
    stream::try_unfold(scan, |mut scan| async {
        loop {
            if let Some(key) = scan.next_of_page() {
                return Ok(Some((key, scan)));
            }
            let Some(cursor) = scan.cursor else { return Ok(None) };
            scan.turn_page(cursor).await?;
        }
    })
    .boxed()
}

struct Scan<'a> {
    store: &'a RedisStore,
    prefix: String,
    pattern: String,
    /// The server's position; `None` at the end.
    cursor: Option<u64>,
    page: vec::IntoIter<Vec<u8>>,
    seen: Seen,
}

impl Scan<'_> {
    async fn turn_page(&mut self, cursor: u64) -> Result<(), Error> {
        let mut command = cmd("SCAN");
        command.arg(cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(PAGE);
        let line = &self.store.line;
        // A cursor is meaningless after a restart of the server.
        let answer = match cursor {
            0 => line.read("iter_keys", &command).await?,
            _ => line.once("iter_keys", &command).await?,
        };
        let answer = match answer {
            Value::ServerError(error) => return Err(refused("iter_keys", error)),
            answer => answer,
        };
        let (cursor, page): (u64, Vec<Vec<u8>>) =
            from_redis_value(answer).map_err(|_| malformed("iter_keys"))?;
        self.cursor = (cursor != 0).then_some(cursor);
        self.page = page.into_iter();
        Ok(())
    }

    fn next_of_page(&mut self) -> Option<String> {
        let Self { store, prefix, page, seen, .. } = self;
        page.find_map(|name| {
            let key = String::from_utf8(name).ok()?.strip_prefix(store.prefix())?.to_owned();
            let ours = key.starts_with(&**prefix) && store.key_space.contains(&key);
            (ours && seen.first(&key)).then_some(key)
        })
    }
}

/// The keys that were returned: the server may return a key again on a later page.
#[derive(Default)]
struct Seen {
    hashes: HashSet<[u64; 2]>,
    by: [RandomState; 2],
}

impl Seen {
    fn first(&mut self, key: &str) -> bool {
        self.hashes.insert([self.by[0].hash_one(key), self.by[1].hash_one(key)])
    }
}

/// A pattern that matches this text alone.
fn escaped(text: &str) -> String {
    let special = |character| matches!(character, '*' | '?' | '[' | ']' | '\\');
    let mut pattern = String::with_capacity(text.len());
    for character in text.chars() {
        if special(character) {
            pattern.push('\\');
        }
        pattern.push(character);
    }
    pattern
}
