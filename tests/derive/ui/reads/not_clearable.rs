use cachecow::{AllOf, CacheCow, Cached};

#[derive(Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
}

impl User {
    async fn find(_: i64) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }
}

async fn clear(cow: CacheCow) -> Result<(), cachecow::Error> {
    let _ = AllOf::<User>::new();
    cow.invalidate_type::<User>().await
}

fn main() {
    let _ = clear;
}
