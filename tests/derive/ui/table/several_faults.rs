use cachecow::Cached;

#[derive(Cached)]
#[cache(table = "my table", clearable = false)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    #[cache(column = id)]
    id: i64,
    #[cache(column = "mail")]
    email: String,
}

impl User {
    async fn find(_: i64) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }
}

fn main() {}
