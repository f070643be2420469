//! A list in a lookup.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post:{id}", fetch = Post::find, list = "post:author:{author}", max_len = 100)]
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

fn main() {
    
}
