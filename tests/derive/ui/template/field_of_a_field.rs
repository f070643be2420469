use cachecow::{CacheSchema, Cached};

#[derive(Clone, CacheSchema)]
struct Meta {
    id: i64,
}

#[derive(Clone, Cached)]
#[cache(key = "post:{meta.id}", fetch = Post::find)]
struct Post {
    meta: Meta,
}

impl Post {
    async fn find(_: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
