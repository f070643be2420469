struct Db;

#[cachecow::query(ttl = "5m")]
async fn top_posts(db: &Db, day: u32, len: u32) -> Result<Vec<u32>, std::fmt::Error> {
    let _ = (db, day, len);
    Ok(Vec::new())
}

fn main() {
    let _ = top_posts::of(1, 2);
}
