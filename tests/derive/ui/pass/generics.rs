//! Bounds, defaults, where clauses, const and marker parameters.

#![deny(warnings)]

use std::marker::PhantomData;

use cachecow::{CacheSchema, Cached, Lookup};

#[derive(Cached)]
#[cache(context = [u8; 4])]
#[cache(key = "page:{number}", fetch = Self::find, fetch_many = Page::<T, K, N>::find_many)]
#[cache(key = "page:first:{first}", fetch = by_first::<T, K, N>)]
struct Page<T: Clone, K = i64, const N: usize = 2>
where
    K: Ord + Copy,
{
    number: u32,
    first: K,
    items: Vec<T>,
}

impl<T, K, const N: usize> Page<T, K, N>
where
    T: Clone + Send + Sync,
    K: Ord + Copy + Send + Sync,
{
    async fn find(_: &[u8; 4], _: u32) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }

    async fn find_many(_: &[u8; 4], _: &[u32]) -> Result<Vec<Self>, std::fmt::Error> {
        Ok(Vec::new())
    }
}

async fn by_first<T: Clone, K: Ord + Copy, const N: usize>(
    _: &[u8; 4],
    _: &K,
) -> Result<Option<Page<T, K, N>>, std::fmt::Error> {
    Ok(None)
}

#[derive(Cached)]
#[cache(key = "marked:{id}", fetch = marked)]
struct Marked<T> {
    id: i64,
    marker: PhantomData<T>,
}

#[derive(CacheSchema)]
enum Marker {}

async fn marked<T>(id: i64) -> Result<Marked<T>, std::fmt::Error> {
    Ok(Marked { id, marker: PhantomData })
}

fn is_lookup(_: impl Lookup) {}

fn main() {
    is_lookup(Page::<String>::by_number(1));
    is_lookup(Page::<String, u8, 7>::by_first(1));
    is_lookup(Marked::<Marker>::by_id(1));
}
