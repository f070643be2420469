use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "post:{id}", fetch = Post::find)]
#[cache(tag = "author:{author}")]
struct Post {
    id: i64,
    author: i64,
}

impl Post {
    async fn find(id: i64) -> Result<Self, std::fmt::Error> {
        Ok(Self { id, author: 1 })
    }
}

#[cachecow::query(key = "a:{id}", tag = Post::tag_author(author))]
async fn tagged(id: u32) -> Result<u32, std::fmt::Error> {
    Ok(id)
}

fn main() {
    let _ = tagged::of(1);
}
