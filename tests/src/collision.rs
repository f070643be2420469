//! Keys whose hashes collide on purpose, as who chooses a part of a key could make them.

/// How long the texts are, in bytes.
const LEN: usize = 600;

/// Two texts whose keys under this template (its placeholder emptied, 12 bytes) have the same hash.
///
/// XXH3 reads long input in stripes of 64 bytes. A word of it is added to one accumulator as it is,
/// and to another the product of its halves, each half combined with the secret by XOR. Where one
/// half is the secret's own the product is zero, and the other half may be anything: two such words
/// of one accumulator, of which one is greater by what the other is less, are not told apart.
///
/// # Panics
///
/// If the template has another length.
pub fn texts_of_one_hash(template: &str) -> [String; 2] {
    assert_eq!(template.len(), 12, "the words below stand where they must");
    // A header of one byte, the template, and a header of three.
    let offset = 1 + template.len() + 3;
    // The eighth word of the first stripe and of the eighth, whose upper halves are the secret's.
    let words = [(56, *b"a::\xc3\x81:&L"), (504, *b"b:::\xcd\xb4Y1")];
    let mut one = vec![b'-'; LEN];
    for (at, word) in words {
        one[at - offset..at - offset + 8].copy_from_slice(&word);
    }
    let mut other = one.clone();
    other[words[0].0 - offset] += 1;
    other[words[1].0 - offset] -= 1;
    [one, other].map(|text| String::from_utf8(text).expect("the halves are text"))
}
