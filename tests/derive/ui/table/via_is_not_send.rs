use cachecow::log::Row;

#[cachecow::query(key = "feed:{author}")]
#[cache(rows = "app.tags", via = named)]
async fn feed(author: i64) -> Result<Vec<String>, std::fmt::Error> {
    let _ = (author,);
    Ok(Vec::new())
}

async fn named(_: &Row<'_>) -> Result<feed, std::fmt::Error> {
    let held = std::rc::Rc::new(1);
    std::future::ready(()).await;
    Ok(feed::of(*held))
}

fn main() {}
