#[cachecow::query(key = "feed:{author}")]
#[cache(rows = "app.posts", page = "page")]
async fn feed(author: i64, #[cache(not_in_key)] page: u32) -> Result<Vec<String>, std::fmt::Error> {
    let _ = (author, page,);
    Ok(Vec::new())
}

fn main() {}
