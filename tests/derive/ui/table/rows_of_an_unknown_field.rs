use cachecow::Cached;

#[derive(Cached)]
#[cache(table = "users")]
#[cache(key = "user:{id}", fetch = User::find)]
#[cache(list = "user:org:{org}", fetch = User::in_org)]
#[cache(rows = "members", id = "user_id")]
struct User {
    id: i64,
    org: i64,
}

impl User {
    async fn find(_: i64) -> Result<Option<Self>, std::fmt::Error> {
        Ok(None)
    }

    async fn in_org(_: i64) -> Result<Vec<Self>, std::fmt::Error> {
        Ok(Vec::new())
    }
}

fn main() {}
