//! Keys that functions name: of lists and of queries, with a context and without one.

#![deny(missing_docs, unreachable_pub, unused)]

use std::sync::Arc;

use cachecow::log::{ColumnError, ColumnUse, FollowedTypes, Row};
use cachecow::{CacheKeys, Cached};

/// A context without a size.
pub trait Tags: Send + Sync {
    /// The authors that have posts with this tag.
    fn authors(&self, tag: i64) -> Vec<i64>;
}

/// With a list.
#[derive(Cached)]
#[cache(context = dyn Tags, table = "app.posts")]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(list = "post:by:{author}", fetch = Post::find_by_author)]
#[cache(rows = "app.tags", via = Self::of_tag, columns = ["id"])]
#[cache(rows = "app.authors", author = "id")]
pub struct Post<T> {
    id: i64,
    author: i64,
    text: T,
}

impl<T: cachecow::CacheSchema + Send + Sync + 'static> Post<T> {
    async fn find(_: &dyn Tags, _: i64) -> Result<Option<Self>, std::io::Error> {
        Ok(Option::None)
    }

    async fn find_by_author(_: &dyn Tags, _: i64) -> Result<Vec<Self>, std::io::Error> {
        Ok(Vec::new())
    }

    async fn of_tag(tags: &dyn Tags, row: &Row<'_>) -> Result<impl CacheKeys, ColumnError> {
        let authors = tags.authors(row.read("id")?);
        Ok(authors.into_iter().map(Self::list_by_author).collect::<Vec<_>>())
    }
}

/// Its parameters are called like the settings.
#[cachecow::query(key = "feed:{via}:{columns}")]
#[cache(rows = "app.tags", via = "id", columns = "tag")]
#[cache(rows = "app.more", via = named)]
pub async fn feed(via: i64, columns: i64) -> Result<Vec<i64>, std::io::Error> {
    Ok(vec![via, columns])
}

/// An error that is no `std::error::Error`.
async fn named(row: &Row<'_>) -> Result<Option<feed>, String> {
    let tag = row.read("tag").map_err(|error| error.to_string())?;
    Ok(Some(feed::of(1, tag)))
}

struct None;

impl Tags for None {
    fn authors(&self, _: i64) -> Vec<i64> {
        Vec::new()
    }
}

fn main() {
    let _: Arc<dyn Tags> = Arc::new(None);
    let tables = <(Post<String>, feed)>::tables();
    let columns = |at: usize| -> Vec<_> {
        tables[at].columns.iter().map(|column| (column.name, column.usage)).collect()
    };
    assert_eq!(columns(1), [("id", ColumnUse::List)]);
    assert_eq!(columns(3), [("id", ColumnUse::Query), ("tag", ColumnUse::Query)]);
    assert_eq!(columns(4), []);
    let whole: Vec<_> = tables.iter().map(|table| table.needs_whole_rows()).collect();
    assert_eq!(whole, [false, false, false, false, true]);
    let post = Post { id: 1, author: 1, text: String::new() };
    let _ = (post.id, post.author, post.text);
}
