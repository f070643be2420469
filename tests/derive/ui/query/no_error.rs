struct Broken;

#[cachecow::query(key = "a")]
async fn fails() -> Result<u32, Broken> {
    Err(Broken)
}

fn main() {
    let _ = fails::of();
}
