use cachecow::Cached;

#[derive(Cached)]
#[cache(table = "app.\"\"")]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: i64,
}

impl User {
    async fn find(_: i64) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }
}

fn main() {}
