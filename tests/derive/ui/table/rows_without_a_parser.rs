#[cachecow::query(key = "feed:{author}")]
#[cache(rows = "app.posts")]
async fn feed(author: (i64, i64)) -> Result<Vec<String>, std::fmt::Error> {
    let _ = (author,);
    Ok(Vec::new())
}

fn main() {}
