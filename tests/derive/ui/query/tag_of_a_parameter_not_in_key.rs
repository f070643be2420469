//! A tag of a parameter by which calls that share an answer differ.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(tag = "author:{author_id}")]
struct Post {
    id: i64,
    author_id: i64,
}

impl Post {
    async fn find(id: i64) -> Result<Self, std::io::Error> {
        Ok(Self { id, author_id: 7 })
    }
}

#[cachecow::query(key = "top:{count}", tag = Post::tag_author_id(viewer))]
async fn top(count: i64, #[cache(not_in_key)] viewer: i64) -> Result<i64, std::io::Error> {
    Ok(count + viewer)
}

fn main() {}
