use cachecow::Cached;

#[derive(Clone)]
struct Pool;

#[derive(Clone, Cached)]
#[cache(context = Pool)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
    email: String,
}

impl User {
    async fn find(_: std::sync::Arc<Pool>, _: i64) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
