use cachecow::CacheSchema;

#[derive(CacheSchema)]
struct Folder {
    file: Box<File>,
}

#[derive(CacheSchema)]
struct File {
    folder: Box<Folder>,
}

fn main() {
    let _ = Folder::FINGERPRINT;
}
