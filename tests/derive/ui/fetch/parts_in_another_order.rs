use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "user:{org}:{id}", fetch = User::find)]
struct User {
    org: u32,
    id: String,
    email: String,
}

impl User {
    async fn find(_: &str, _: u32) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
