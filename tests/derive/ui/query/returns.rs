#[cachecow::query(key = "a")]
async fn nothing() {}

#[cachecow::query(key = "b")]
async fn borrowed(name: &'static str) -> Result<&'static str, std::fmt::Error> {
    Ok(name)
}

#[cachecow::query(key = "c")]
async fn some_type() -> Result<impl ToString, std::fmt::Error> {
    Ok(1)
}

#[cachecow::query(key = "d", negative_ttl = "1s")]
async fn always_there() -> Result<u32, std::fmt::Error> {
    Ok(1)
}

fn main() {}
