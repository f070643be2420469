use cachecow::Cached;

#[derive(Cached)]
#[cache(key = "settings", name = "current", fetch = Settings::find)]
#[cache(key = "settings:{version}", fetch = Settings::find_version)]
struct Settings {
    version: u32,
}

impl Settings {
    async fn find() -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }

    async fn find_version(_: u32) -> Result<Self, std::fmt::Error> {
        Err(std::fmt::Error)
    }
}

fn main() {
    let _ = (Settings::current(), Settings::by_version(1));
}
