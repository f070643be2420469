#[cachecow::query(key = "feed:{author}")]
#[cache(rows = "app.posts", rows = "app.users")]
async fn feed(author: i64) -> Result<Vec<String>, std::fmt::Error> {
    let _ = (author,);
    Ok(Vec::new())
}

fn main() {}
