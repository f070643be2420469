struct Db;

#[cachecow::query(key = "top:{db}:{auhtor}:{day}")]
async fn top_posts(db: &Db, author: i64) -> Result<Vec<u32>, std::fmt::Error> {
    let _ = (db, author);
    Ok(Vec::new())
}

#[cachecow::query(key = "all:{day}")]
async fn all_posts(db: &Db) -> Result<Vec<u32>, std::fmt::Error> {
    let _ = db;
    Ok(Vec::new())
}

fn main() {}
