//! Memory that processes share: a file of atomic numbers.

use std::io;
use std::path::Path;
use std::sync::atomic::AtomicU64;

use vmap::MapMut;
use zerocopy::FromBytes as _;

/// Makes a file of so many zeros, and maps it.
pub(crate) fn create(path: &Path, numbers: usize) -> io::Result<&'static [AtomicU64]> {
    let length = numbers * size_of::<AtomicU64>();
    let mapped = MapMut::with_options().write().create_new(true).resize(length).open(path);
    leak(mapped.map_err(io::Error::other)?.0)
}

/// Maps a file that another process made.
pub(crate) fn open(path: &Path) -> io::Result<&'static [AtomicU64]> {
    leak(MapMut::with_options().write().open(path).map_err(io::Error::other)?.0)
}

/// For as long as the process lives.
fn leak(map: MapMut) -> io::Result<&'static [AtomicU64]> {
    let map: &'static mut MapMut = Box::leak(Box::new(map));
    let bytes: &'static mut [u8] = map;
    let numbers = <[AtomicU64]>::mut_from_bytes(bytes);
    numbers.map(|numbers| &*numbers).map_err(|error| io::Error::other(error.to_string()))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn two_maps_of_a_file_are_one_memory() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("numbers");
        let one = create(&path, 1000).unwrap();
        let other = open(&path).unwrap();
        assert_eq!((one.len(), other.len()), (1000, 1000));
        one[999].fetch_add(7, Ordering::SeqCst);
        assert_eq!(other[999].load(Ordering::SeqCst), 7);
    }
}
