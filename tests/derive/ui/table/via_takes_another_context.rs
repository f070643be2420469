use cachecow::log::Row;

struct Db;

#[cachecow::query(key = "feed:{author}")]
#[cache(rows = "app.tags", via = named)]
async fn feed(db: &Db, author: i64) -> Result<Vec<String>, std::fmt::Error> {
    let _ = (db, author);
    Ok(Vec::new())
}

async fn named(_: &u32, _: &Row<'_>) -> Result<feed, std::fmt::Error> {
    Ok(feed::of(1))
}

fn main() {}
