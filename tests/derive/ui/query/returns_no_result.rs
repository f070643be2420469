#[cachecow::query(key = "a")]
async fn a_number() -> u32 {
    1
}

fn main() {
    let _ = a_number::of();
}
