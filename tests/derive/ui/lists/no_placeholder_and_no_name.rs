//! The list of all, without a name.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(list = "posts", fetch = Post::all)]
struct Post {
    id: i64,
    author: i64,
}

impl Post {
    async fn find(_: i64) -> Result<Option<Post>, std::io::Error> {
        Ok(None)
    }

    async fn all() -> Result<Vec<Post>, std::io::Error> {
        Ok(Vec::new())
    }
}

fn main() {
    
}
