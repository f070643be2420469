//! Listing by prefixes, for stores that only list keys.

use std::collections::HashSet;

use futures_util::StreamExt as _;
use futures_util::future;

use super::KeyStream;

/// Computes [`iter_prefixes`](super::KeyValueStore::iter_prefixes) from `keys`, which must be those
/// that begin with `prefix`. It remembers the prefixes that it has returned, so that it returns
/// each one once.
pub fn prefixes<'a>(keys: KeyStream<'a>, delimiter: &str, prefix: &str) -> KeyStream<'a> {
    let delimiter = delimiter.to_owned();
    let len = prefix.len();
    let mut seen = HashSet::new();
    let cut = move |mut key: String| {
        if let Some(at) = key.get(len..).and_then(|rest| rest.find(&delimiter)) {
            key.truncate(len + at + delimiter.len());
        }
        key
    };
    keys.map(move |key| key.map(&cut))
        .filter(move |key| {
            future::ready(match key {
                Ok(key) => seen.insert(key.clone()),
                Err(_) => true,
            })
        })
        .boxed()
}
