//! A list where a lookup is asked for, and the reverse.

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

    async fn by_author(_: i64) -> Result<Vec<Post>, std::io::Error> {
        Ok(Vec::new())
    }
}

fn main() {
    let cow = cachecow::CacheCow::memory();
    let _ = cow.get(Post::list_by_author(7));
    let _ = cow.list(Post::by_id(7));
}
