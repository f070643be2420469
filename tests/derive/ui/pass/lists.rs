//! Lists of all kinds of structs.

#![deny(missing_docs, warnings)]

use std::convert::Infallible;
use std::sync::Arc;

use cachecow::{CacheCow, CacheKeys, CacheSchema, Cached, Error, ListLookup};

/// A context.
pub trait Db: Sync {}

impl Db for () {}

/// Several parts, text, a list of one and of two fields, and of all.
#[derive(Clone, Cached)]
#[cache(context = dyn Db, ttl = "10m")]
#[cache(key = "post:{tenant}:{id}", fetch = Self::find, fetch_many = Self::find_many)]
#[cache(list = "post:author:{author}", fetch = Self::by_author, max_len = 1_000, ttl = "1m")]
#[cache(list = "post:kind:{tenant}:{r#type}", fetch = Self::lookups, name = "of_type")]
#[cache(list = "posts", name = "list_all", fetch = Self::all)]
#[cache(tag = "author:{author}")]
#[cache(tag = "posts", name = "tag_all")]
pub struct Post {
    tenant: Arc<str>,
    id: u32,
    #[cache(normalize = str::to_lowercase)]
    author: String,
    r#type: char,
}

impl Post {
    async fn find(_: &dyn Db, _: &Arc<str>, _: u32) -> Result<Option<Post>, Infallible> {
        Ok(None)
    }

    async fn find_many(_: &dyn Db, _: &[(Arc<str>, u32)]) -> Result<Vec<Post>, Infallible> {
        Ok(Vec::new())
    }

    async fn by_author(_: &dyn Db, author: &str) -> Result<Vec<Self>, Infallible> {
        assert_eq!(author, "ann");
        Ok(Vec::new())
    }

    async fn lookups(
        _: &dyn Db,
        tenant: &Arc<str>,
        _: char,
    ) -> Result<Vec<PostByTenantAndId>, Infallible> {
        Ok(vec![Post::by_tenant_and_id(Arc::clone(tenant), 1)])
    }

    async fn all(_: &dyn Db) -> Result<Vec<Post>, Infallible> {
        Ok(Vec::new())
    }
}

/// Generic, a tuple.
#[derive(Cached)]
#[cache(key = "pair:{0}", fetch = Pair::find)]
#[cache(list = "pair:second:{1}", fetch = Pair::of)]
pub struct Pair<K: CacheSchema + Clone, const N: usize>(K, [u8; N])
where
    K: cachecow::KeyPart + Send + Sync + 'static,
    [u8; N]: cachecow::KeyPart;

impl<K: CacheSchema + cachecow::KeyPart + Clone + Send + Sync + 'static, const N: usize> Pair<K, N>
where
    [u8; N]: cachecow::KeyPart,
{
    async fn find(key: &K) -> Result<Self, Infallible> {
        Ok(Pair(key.clone(), [0; N]))
    }

    async fn of(_: &[u8; N]) -> Result<Vec<Self>, Infallible> {
        Ok(Vec::new())
    }
}

fn is_keys(_: impl CacheKeys) {}

async fn read(cow: &CacheCow, db: &(dyn Db + 'static)) -> Result<(), Error> {
    let _: Vec<Arc<Post>> = cow.with(db).list(Post::list_by_author("Ann")).await?;
    let _: Vec<Arc<Numbers>> = cow.list(Numbers::list_all()).await?;
    let _: Vec<Arc<Pair<u8, 3>>> = cow.list(Pair::list_by_1([1, 2, 3])).await?;
    cow.invalidate((Post::list_by_author("ANN"), Post::of_type(Arc::from("x"), 'a'))).await
}

/// Without a context.
#[derive(Cached)]
#[cache(key = "number:{value}", fetch = Numbers::find)]
#[cache(list = "numbers", name = "list_all", fetch = Numbers::all)]
pub struct Numbers {
    value: u8,
}

impl Numbers {
    async fn find(value: u8) -> Result<Self, Infallible> {
        Ok(Self { value })
    }

    async fn all() -> Result<Vec<Self>, Infallible> {
        Ok(vec![Self { value: 1 }])
    }
}

fn main() {
    is_keys([Post::list_all(), Post::list_all()]);
    let _ = read;
    let ann = Post { tenant: Arc::from("x"), id: 1, author: "Ann".into(), r#type: 'a' };
    assert!(Post::list_by_author("ANN").holds(&ann));
    assert_eq!(PostListByAuthor::of(&ann).key().key(), Post::list_by_author("ann").key().key());
}
