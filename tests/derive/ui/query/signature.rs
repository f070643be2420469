#[cachecow::query(key = "a")]
fn not_async() -> Result<u32, std::fmt::Error> {
    Ok(1)
}

#[cachecow::query(key = "b")]
async unsafe fn not_safe() -> Result<u32, std::fmt::Error> {
    Ok(1)
}

#[cachecow::query(key = "c:{value}")]
async fn generic<T: ToString, const N: usize>(value: T) -> Result<String, std::fmt::Error> {
    Ok(value.to_string())
}

struct Db;

impl Db {
    #[cachecow::query(key = "d:{id}")]
    async fn method(&self, id: u32) -> Result<u32, std::fmt::Error> {
        Ok(id)
    }

    #[cachecow::query(key = "e:{id}")]
    async fn associated(db: &Self, id: u32) -> Result<u32, std::fmt::Error> {
        let _ = db;
        Ok(id)
    }
}

fn main() {}
