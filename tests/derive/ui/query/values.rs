#[cachecow::query(key = squares, key = "twice", ttl = 5, near = "no", version = "2", tag, tag = "all", tag(all), negative_ttl = "1s")]
async fn squares(below: u32) -> Result<Vec<u32>, std::fmt::Error> {
    Ok((0..below).map(|n| n * n).collect())
}

fn main() {
    let _ = squares::of(10);
}
