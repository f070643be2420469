#[cachecow::query(key = "feed")]
#[cache(rows = "app.posts", author = "id")]
async fn feed() -> Result<Vec<String>, std::fmt::Error> {
    Ok(Vec::new())
}

fn main() {}
