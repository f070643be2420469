#[cachecow::query(key = "a:{id}")]
async fn shared(id: u32) -> Result<u32, std::fmt::Error> {
    let shared = std::rc::Rc::new(id);
    std::future::ready(()).await;
    Ok(*shared)
}

fn main() {
    let _ = shared::of(1);
}
