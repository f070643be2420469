use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "settings", name = "current", fetch = Settings::find, fetch_many = Settings::find_many)]
struct Settings {
    theme: String,
}

impl Settings {
    async fn find() -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    async fn find_many(_: &[()]) -> Result<Vec<Self>, std::fmt::Error> {
        Ok(Vec::new())
    }
}

fn main() {
    let _ = Settings::current();
}
