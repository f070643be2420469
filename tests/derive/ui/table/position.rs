use cachecow::Cached;

#[derive(Cached)]
#[cache(table = "users")]
#[cache(key = "user:{0}", fetch = User::find)]
struct User(i64);

impl User {
    async fn find(_: i64) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }
}

fn main() {}
