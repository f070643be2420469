//! A list of what there is one of.

use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post", name = "the", fetch = Post::load)]
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

    async fn load() -> Result<Option<Post>, std::io::Error> {
        Ok(None)
    }
}

fn main() {
    
}
