use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{email}", fetch = User::find)]
#[cache(tag = "mail:{email}")]
struct User {
    id: i64,
    #[cache(normalize = "str::to_lowercase")]
    email: String,
}

impl User {
    async fn find(_: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
