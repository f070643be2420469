//! Listing, by pages.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::stream::{self, BoxStream};
use futures_util::{FutureExt as _, StreamExt as _, TryStreamExt as _, future};
use object_store::list::PaginatedListOptions;
use object_store::path::Path;
use object_store::{ObjectMeta, ObjectStoreExt as _};

use super::CloudStore;
use super::error::{failed, is_absent};
use super::names::Search;
use crate::error::Error;
use crate::store::{KeyStream, KeyValueStore as _};

/// How many empty objects are checked at once.
const LOOKED_UP: usize = 16;

/// The position of a listing.
enum Page {
    First,
    After(String),
    End,
}

pub(super) fn keys<'a>(store: &'a CloudStore, prefix: &str) -> KeyStream<'a> {
    let Some(search) = store.names.search(store.key_space, prefix) else {
        return stream::empty().boxed();
    };
    let prefix = prefix.to_owned();
    let besides_listed = Arc::new(AtomicBool::new(false));
    let listed = objects(store, &search)
        .map_ok(move |object| {
            let key = store.names.key(store.key_space, &object.location);
            (key.filter(|key| key.starts_with(&prefix)), object)
        })
        .map(move |found| match found {
            Ok((Some(key), object)) => confirmed(store, key, object).boxed(),
            Ok((None, _)) => future::ready(Ok(None)).boxed(),
            Err(error) => future::ready(Err(error)).boxed(),
        })
        .buffered(LOOKED_UP);
    let (besides, is_listed) = (search.besides.clone(), Arc::clone(&besides_listed));
    let listed = listed.inspect_ok(move |found| {
        let is_it = found.as_ref().is_some_and(|found| Some(&found.key) == besides.as_ref());
        is_listed.fetch_or(is_it, Ordering::Relaxed);
    });
    // Only an object with the same name as a folder's marker can be listed twice.
    let mut empty = HashSet::new();
    let listed = listed.try_filter_map(move |found| {
        let found = found.filter(|found| !found.is_empty || empty.insert(found.key.clone()));
        future::ready(Ok(found.map(|found| found.key)))
    });
    let besides = stream::iter(search.besides).filter_map(move |key| {
        let is_listed = besides_listed.load(Ordering::Relaxed);
        async move {
            match if is_listed { Ok(false) } else { store.contains(&key).await } {
                Ok(there) => there.then_some(Ok(key)),
                Err(error) => Some(Err(error)),
            }
        }
    });
    listed.chain(besides).boxed()
}

fn objects<'a>(store: &'a CloudStore, search: &Search) -> BoxStream<'a, Result<ObjectMeta, Error>> {
    let names = (!search.names.is_empty()).then(|| search.names.clone());
    stream::try_unfold((Page::First, names), move |(page, names)| async move {
        let page_token = match page {
            Page::First => None,
            Page::After(token) => Some(token),
            Page::End => return Ok(None),
        };
        let options = PaginatedListOptions { page_token, ..Default::default() };
        let listed = store.service.list_paginated(names.as_deref(), options).await;
        let listed = listed.map_err(|error| match failed("keys", error) {
            // Here, only the bucket can be absent.
            error if error.kind() == crate::ErrorKind::NotFound => Error::store("keys", error),
            error => error,
        })?;
        let next = listed.page_token.map_or(Page::End, Page::After);
        let objects = stream::iter(listed.result.objects).map(Ok);
        Ok(Some((objects, (next, names))))
    })
    .try_flatten()
    .boxed()
}

struct Found {
    key: String,
    is_empty: bool,
}

/// Consoles mark a folder with the empty object `folder/`, which object_store lists as `folder`. So
/// every empty object is checked.
async fn confirmed(
    store: &CloudStore,
    key: String,
    object: ObjectMeta,
) -> Result<Option<Found>, Error> {
    let is_empty = object.size == 0;
    let there = !is_empty || is_there_empty(store, &object.location).await?;
    Ok(there.then_some(Found { key, is_empty }))
}

async fn is_there_empty(store: &CloudStore, path: &Path) -> Result<bool, Error> {
    match store.service.head(path).await {
        Ok(object) => Ok(object.size == 0),
        Err(error) if is_absent(&error) => Ok(false),
        Err(error) => Err(failed("keys", error)),
    }
}
