use cachecow::Cached;

#[derive(Clone, Cached)]
#[cache(key = "user:{id}", fetch = User::find)]
struct User {
    id: String,
    email: String,
}

impl User {
    async fn find(_: String) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
