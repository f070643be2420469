use cachecow::log::Row;

#[cachecow::query(key = "feed:{author}")]
#[cache(rows = "app.tags", via = named)]
async fn feed(_db: &Db, author: i64) -> Result<Vec<String>, std::fmt::Error> {
    let _ = (author,);
    Ok(Vec::new())
}

async fn named(_: &Row<'_>) -> Result<feed, std::fmt::Error> {
    Ok(feed::of(1))
}

struct Db;

fn main() {}
