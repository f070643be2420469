//! Files that are not yet values.

use std::io::{self, ErrorKind, Write as _};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use cap_std::fs::OpenOptions;

use super::place::Place;
use super::root::{Root, UNFINISHED};

/// The age at which an unfinished file is treated as left over from a crash.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// A file that is not yet a value; removed when dropped.
pub(super) struct Temporary {
    root: Arc<Root>,
    path: String,
    file: std::fs::File,
    is_moved: bool,
}

impl Temporary {
    pub(super) fn create(root: &Arc<Root>) -> io::Result<Self> {
        loop {
            let path = format!("{UNFINISHED}/{:032x}", fastrand::u128(..));
            let mut options = OpenOptions::new();
            match root.dir.open_with(&path, options.write(true).create_new(true)) {
                Ok(file) => {
                    let file = file.into_std();
                    return Ok(Self { root: Arc::clone(root), path, file, is_moved: false });
                }
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    root.dir.create_dir(UNFINISHED).or_else(|error| match error.kind() {
                        ErrorKind::AlreadyExists => Ok(()),
                        _ => Err(error),
                    })?;
                }
                // The name is taken.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
    }

    pub(super) fn write(&mut self, slice: &[u8]) -> io::Result<()> {
        self.file.write_all(slice)
    }

    /// Copies the rest of the other file, with the system's own call if there is one.
    pub(super) fn copy_from(&mut self, file: &mut std::fs::File) -> io::Result<()> {
        io::copy(file, &mut self.file).map(|_| ())
    }

    /// Makes it the value at this place.
    pub(super) fn persist(mut self, place: &Place) -> io::Result<()> {
        self.file.sync_all()?;
        // Once it is moved, its name is unused: removing it then does no harm.
        place.finish(&self.path)?;
        self.is_moved = true;
        Ok(())
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        if !self.is_moved {
            // If it fails, the file is removed later by `sweep`.
            let _ = self.root.dir.remove_file(&self.path);
        }
    }
}

/// Removes files that crashes left, if possible.
pub(super) fn sweep(root: &Root) {
    let Ok(entries) = root.dir.read_dir(UNFINISHED) else { return };
    let now = SystemTime::now();
    for entry in entries.flatten() {
        let modified = entry.metadata().and_then(|metadata| metadata.modified());
        let Ok(modified) = modified.map(cap_std::time::SystemTime::into_std) else { continue };
        if now.duration_since(modified).is_ok_and(|age| age > ABANDONED) {
            let _ = entry.remove_file();
        }
    }
}
