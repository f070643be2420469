#[cachecow::query(kye = "squares:{below}", tll = "5m", fetch = squares, context = Db, name = "all", opaque, ttl_with = life, colour = 3)]
async fn squares(below: u32) -> Result<Vec<u32>, std::fmt::Error> {
    Ok((0..below).map(|n| n * n).collect())
}

fn main() {
    let _ = squares::of(10);
}
