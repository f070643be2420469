use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "wait:{waited}", fetch = Wait::find)]
struct Wait {
    #[cache(key_with = str::len)]
    waited: String,
}

impl Wait {
    async fn find(_: &str) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {}
