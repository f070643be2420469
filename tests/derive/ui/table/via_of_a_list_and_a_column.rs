use cachecow::Cached;
use cachecow::log::Row;

#[derive(Cached)]
#[cache(table = "app.posts")]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(list = "post:by:{author}", fetch = Post::find_by_author)]
#[cache(rows = "app.tags", via = Post::tagged, author = "id")]
struct Post {
    id: i64,
    author: i64,
}

impl Post {
    async fn find(_: i64) -> Result<Option<Post>, std::fmt::Error> {
        Ok(None)
    }

    async fn find_by_author(_: i64) -> Result<Vec<Post>, std::fmt::Error> {
        Ok(Vec::new())
    }

    async fn tagged(_: &Row<'_>) -> Result<(), std::fmt::Error> {
        Ok(())
    }
}

fn main() {}
