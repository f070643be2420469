//! Listing by prefixes, for stores that only list keys.

use std::collections::HashSet;

use futures_util::StreamExt as _;
use futures_util::future;

use super::KeyStream;

/// Computes [`iter_prefixes`](super::KeyValueStore::iter_prefixes) from `keys`, which must be those
/// that begin with `prefix`. It remembers the prefixes that it has returned, so that it returns
/// each one once.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use cachecow::Error;
/// use cachecow::store::{KeyStream, prefixes};
/// use futures_util::{StreamExt as _, TryStreamExt as _, stream};
///
/// // What a store has that can list keys, and nothing else.
/// let keys = ["2025/may", "2026/april", "2026/may", "notes"].map(|key| Ok::<_, Error>(key.to_owned()));
/// let keys: KeyStream<'_> = stream::iter(keys).boxed();
/// let years: Vec<String> = prefixes(keys, "/", "").try_collect().await?;
/// assert_eq!(years, ["2025/", "2026/", "notes"]);
/// # Ok(())
/// # }
/// ```
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
