#[cachecow::query(key = "")]
async fn empty(a: u32) -> Result<u32, std::fmt::Error> {
    Ok(a)
}

#[cachecow::query(key = "x:{}")]
async fn without_a_name(a: u32) -> Result<u32, std::fmt::Error> {
    Ok(a)
}

#[cachecow::query(key = "x:{a.b}")]
async fn within(a: u32) -> Result<u32, std::fmt::Error> {
    Ok(a)
}

#[cachecow::query(key = "x:{a:?}")]
async fn format(a: u32) -> Result<u32, std::fmt::Error> {
    Ok(a)
}

#[cachecow::query(key = "x:{a")]
async fn open(a: u32) -> Result<u32, std::fmt::Error> {
    Ok(a)
}

#[cachecow::query(key = "x:{a}:{a}")]
async fn twice(a: u32) -> Result<u32, std::fmt::Error> {
    Ok(a)
}

fn main() {}
