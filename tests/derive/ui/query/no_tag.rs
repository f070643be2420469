#[cachecow::query(key = "a:{id}", tag = id + 1)]
async fn tagged(id: u32) -> Result<u32, std::fmt::Error> {
    Ok(id)
}

fn main() {
    let _ = tagged::of(1);
}
