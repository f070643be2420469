use cachecow::log::Row;

#[cachecow::query(key = "feed:{author}")]
#[cache(rows = "app.tags", via = named, limit = 10)]
async fn feed(author: i64) -> Result<Vec<String>, std::fmt::Error> {
    let _ = (author,);
    Ok(Vec::new())
}

async fn named(_: &Row<'_>) -> Result<(), std::fmt::Error> {
    Ok(())
}

fn main() {}
