use cachecow::{CacheSchema, Cached, KeyPart};

#[derive(CacheSchema, KeyPart)]
struct Id(i64);

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: Id,
}

impl User {
    async fn find(id: &Id) -> Result<Self, std::fmt::Error> {
        let _ = id;
        Err(std::fmt::Error)
    }
}

fn main() {
    
}
