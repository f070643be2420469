#[cachecow::query(key = "near:{latitude}")]
async fn near(latitude: f64) -> Result<u32, std::fmt::Error> {
    Ok(latitude as u32)
}

fn main() {
    let _ = near::of(1.0);
}
