#[cachecow::query(key = "feed:{author}", rows = "app.posts")]

async fn feed(author: i64) -> Result<Vec<String>, std::fmt::Error> {
    Ok(Vec::new())
}

fn main() {}
