struct Point {
    x: i64,
}

#[cachecow::query(key = "a:{point}")]
async fn taken_apart(Point { x }: Point) -> Result<i64, std::fmt::Error> {
    Ok(x)
}

#[cachecow::query(key = "b:{name}")]
async fn of_some_type(name: impl Into<String>) -> Result<String, std::fmt::Error> {
    Ok(name.into())
}

#[cachecow::query(key = "c:{name}")]
async fn borrowing(name: Option<&str>) -> Result<u32, std::fmt::Error> {
    Ok(name.map_or(0, |name| name.len() as u32))
}

#[cachecow::query(key = "d:{name}")]
async fn changing(name: &mut String) -> Result<u32, std::fmt::Error> {
    name.push('x');
    Ok(1)
}

#[cachecow::query(key = "e")]
async fn changed_context(point: &mut Point) -> Result<u32, std::fmt::Error> {
    point.x = 1;
    Ok(1)
}

#[cachecow::query(key = "f:{_}")]
async fn without_a_name(_: u32) -> Result<u32, std::fmt::Error> {
    Ok(1)
}

fn main() {}
