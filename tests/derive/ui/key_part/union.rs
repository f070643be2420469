use cachecow::KeyPart;

#[derive(KeyPart)]
union Word {
    signed: i64,
    unsigned: u64,
}

fn main() {}
