use cachecow::KeyPart;

#[derive(KeyPart)]
struct Id;

fn main() {}
