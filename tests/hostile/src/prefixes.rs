//! Listing by prefixes, beside a set of keys and the definition.

use std::collections::BTreeSet;

use arbitrary::{Result, Unstructured};
use cachecow::store::{Hmac, KeySpace, Prefix, UrlEncode};
use cachecow::{FilesystemStore, KeyValueStore, KeyValueStoreExt as _, MemoryStore};
use futures_util::TryStreamExt as _;

use crate::shared::run;

/// What keys and delimiters are made of: few pieces, so that keys begin with each other, and those
/// that mean something somewhere.
const PIECES: [&str; 16] = [
    "a", "b", "ab", "aab", "-", "--", "/", "%", "%2F", ".", "..", "*", "é", "\u{301}", "\0", "kuh",
];

/// Those that are special in folders.
const FOLDERS: [&str; 12] = ["a", "b", "ab", "aab", "-", "/", "//", "%", "%2F", ".", "..", "%tmp"];

/// Every listing of the stores in memory and of what wraps them; rarely of a store in a folder.
pub fn check(data: &[u8]) {
    let _ = run(async {
        let mut input = Unstructured::new(data);
        let memory = || MemoryStore::new().with_key_space(KeySpace::Text);
        let prefix = |prefix| Prefix::new(memory(), prefix).expect("a prefix");
        let store: Box<dyn KeyValueStore> = match input.arbitrary()? {
            0_u8 => return check_files(&mut input).await,
            1..64 => Box::new(memory()),
            64..128 => Box::new(prefix("a")),
            128..192 => Box::new(UrlEncode::new(MemoryStore::new())),
            192.. => Box::new(Hmac::new(prefix("-"), "secret").expect("a secret")),
        };
        check_store(&*store, &PIECES, &mut input).await
    });
}

async fn check_files(input: &mut Unstructured<'_>) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("cow").tempdir().expect("a folder");
    let store = FilesystemStore::create(folder.path()).await.expect("a folder");
    check_store(&store.with_key_space(KeySpace::Extended), &FOLDERS, input).await
}

/// Every listing of an empty store.
async fn check_store(
    store: &dyn KeyValueStore,
    pieces: &[&str],
    input: &mut Unstructured<'_>,
) -> Result<()> {
    let mut keys = BTreeSet::new();
    for _ in 0..input.int_in_range(0..=8)? {
        let key = text(pieces, 6, input)?;
        if store.put(&key, "value").await.is_ok() {
            keys.insert(key);
        }
    }
    for _ in 0..3 {
        let (prefix, delimiter) = (text(pieces, 3, input)?, text(pieces, 2, input)?);
        let what = || format!("{store}: {keys:?} by {delimiter:?} from {prefix:?}");
        let listed: Vec<String> = store.iter_keys(&prefix).try_collect().await.expect("no failure");
        let begins = keys.iter().filter(|key| key.starts_with(&prefix));
        assert_same(listed, begins.cloned().collect(), &what);
        let listed = store.iter_prefixes(&delimiter, &prefix).try_collect().await;
        let expected = keys.iter().filter_map(|key| {
            let rest = key.strip_prefix(&prefix)?;
            let end = rest.find(&delimiter).map_or(rest.len(), |at| at + delimiter.len());
            Some(key[..prefix.len() + end].to_owned())
        });
        assert_same(listed.expect("no failure"), expected.collect(), &what);
    }
    Ok(())
}

fn assert_same(mut listed: Vec<String>, expected: BTreeSet<String>, what: &dyn Fn() -> String) {
    listed.sort_unstable();
    let expected: Vec<String> = expected.into_iter().collect();
    assert_eq!(listed, expected, "{}", what());
}

fn text(pieces: &[&str], most: usize, input: &mut Unstructured<'_>) -> Result<String> {
    (0..input.int_in_range(0..=most)?).map(|_| input.choose(pieces).copied()).collect()
}
