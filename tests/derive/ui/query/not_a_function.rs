#[cachecow::query(key = "post:{id}")]
struct Post {
    id: i64,
}

fn main() {
    let _ = Post { id: 1 }.id;
}
