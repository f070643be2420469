use cachecow::KeyPart;

#[derive(KeyPart)]
struct UserId(#[cache(column = "id")] i64);

fn main() {}
