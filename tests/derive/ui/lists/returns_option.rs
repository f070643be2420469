//! One object instead of a list.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(list = "post:author:{author}", fetch = Post::by_author)]
struct Post {
    id: i64,
    author: i64,
}

impl Post {
    async fn find(_: i64) -> Result<Option<Post>, std::io::Error> {
        Ok(None)
    }

    async fn by_author(_: i64) -> Result<Option<Post>, std::io::Error> {
        Ok(None)
    }
}

fn main() {
    
}
