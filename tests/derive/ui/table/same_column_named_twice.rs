use cachecow::Cached;

#[derive(Cached)]
#[cache(table = "users")]
#[cache(key = "user:{id}:{tenant}", fetch = User::find)]
struct User {
    #[cache(column = "number")]
    id: i64,
    #[cache(column = "number")]
    tenant: i64,
}

impl User {
    async fn find(_: i64, _: i64) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }
}

fn main() {}
