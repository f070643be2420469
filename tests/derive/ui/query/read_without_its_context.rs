use cachecow::CacheCow;

struct Db;

#[cachecow::query(key = "a:{id}")]
async fn count(db: &Db, id: u32) -> Result<u32, std::fmt::Error> {
    let _ = db;
    Ok(id)
}

async fn read(cow: &CacheCow) {
    let _ = cow.ask(count::of(1)).await;
    let _ = cow.with(&Db).ask(7).await;
}

fn main() {
    let _ = read;
}
