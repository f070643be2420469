use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "user:{org}:{id}", fetch = User::find)]
struct User {
    org: u32,
    id: u64,
    email: String,
}

impl User {
    async fn find(_: (u32, u64)) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
