use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "post:{author_id}", fetch = Post::find)]
struct Post(i64, String);

impl Post {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
