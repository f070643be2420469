struct Summary {
    id: i64,
}

#[cachecow::query(key = "a")]
async fn summaries() -> Result<Vec<Summary>, std::fmt::Error> {
    Ok(vec![Summary { id: 1 }])
}

fn main() {
    let _ = summaries::of();
}
