struct Db;

#[cachecow::query(key = "posts:{author}")]
async fn posts(
    db: &Db,
    #[cache(not_in_key)] author: i64,
    #[cache(not_in_key = true)] len: u32,
    #[cache(skip)] language: String,
    #[cache(ttl = "5m")] trace: String,
    #[cache] other: u32,
) -> Result<Vec<u32>, std::fmt::Error> {
    let _ = (db, author, len, language, trace, other);
    Ok(Vec::new())
}

#[cachecow::query(key = "all", not_in_key)]
async fn all() -> Result<Vec<u32>, std::fmt::Error> {
    Ok(Vec::new())
}

fn main() {}
