struct Db;

#[cachecow::query(key = "posts:{author}")]
async fn posts(db: &Db, author: i64, len: u32, language: &str) -> Result<Vec<u32>, std::fmt::Error> {
    let _ = (db, author, len, language);
    Ok(Vec::new())
}

#[cachecow::query(key = "words")]
async fn words(text: &str) -> Result<Vec<u32>, std::fmt::Error> {
    let _ = text;
    Ok(Vec::new())
}

fn main() {}
