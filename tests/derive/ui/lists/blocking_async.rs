//! An async function in `blocking(…)`.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(list = "post:author:{author}", fetch = blocking(Post::by_author))]
struct Post {
    id: i64,
    author: i64,
}

impl Post {
    async fn find(_: i64) -> Result<Option<Post>, std::io::Error> {
        Ok(None)
    }

    async fn by_author(_: i64) -> Result<Vec<Post>, std::io::Error> {
        Ok(Vec::new())
    }
}

fn main() {}
