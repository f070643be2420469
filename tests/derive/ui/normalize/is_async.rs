use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "user:{email}", fetch = User::find)]
#[cache(tag = "mail:{email}")]
struct User {
    id: i64,
    #[cache(normalize = lower)]
    email: String,
}

impl User {
    async fn find(_: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

async fn lower(email: &str) -> String {
    email.to_lowercase()
}

fn main() {}
