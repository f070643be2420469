//! A field that tells which list an object is in, and is not stored.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(list = "post:author:{author}", fetch = Post::by_author)]
#[cache(tag = "author:{author}")]
struct Post {
    id: i64,
    #[cache(skip)]
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
