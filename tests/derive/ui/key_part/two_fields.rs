use cachecow::KeyPart;

#[derive(KeyPart)]
struct Id(i64, String);

fn main() {}
