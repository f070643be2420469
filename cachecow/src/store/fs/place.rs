//! The place of a key's value.

use std::io::{self, ErrorKind, Read as _};
use std::sync::Arc;

use bytes::Bytes;
use cap_std::fs::Metadata;

use super::root::{NoFile, Root};
use crate::store::KeySpace;
use crate::store::names::Names;

/// How often a folder is created again for a file if others keep removing it.
const ATTEMPTS: usize = 1000;

/// The file of a key, which may or may not exist.
pub(super) struct Place {
    root: Arc<Root>,
    key_space: KeySpace,
    path: String,
}

impl Place {
    /// The place of a key of this key space.
    pub(super) fn new(root: Arc<Root>, key_space: KeySpace, key: &str) -> Self {
        Self { root, key_space, path: Names::FILES.path(key) }
    }

    pub(super) fn root(&self) -> &Arc<Root> {
        &self.root
    }

    pub(super) fn path(&self) -> &str {
        &self.path
    }

    /// The file's metadata; `None` if there is no file.
    pub(super) fn look(&self) -> io::Result<Option<Metadata>> {
        match self.root.dir.metadata(&self.path) {
            Ok(metadata) => Ok(metadata.is_file().then_some(metadata)),
            Err(error) => absent(error),
        }
    }

    /// The file, open for reading, and its length.
    pub(super) fn open(&self) -> io::Result<Option<(std::fs::File, u64)>> {
        // Opening a pipe would wait for a writer.
        if self.look()?.is_none() {
            return Ok(None);
        }
        match self.root.dir.open(&self.path) {
            Ok(file) => {
                let file = file.into_std();
                let metadata = file.metadata()?;
                Ok(metadata.is_file().then_some((file, metadata.len())))
            }
            Err(error) => absent(error),
        }
    }

    pub(super) fn read(&self) -> io::Result<Option<Bytes>> {
        let Some((mut file, len)) = self.open()? else { return Ok(None) };
        // One more, so that the end is seen without growing.
        let mut value = Vec::with_capacity(usize::try_from(len).unwrap_or(0).saturating_add(1));
        file.read_to_end(&mut value)?;
        Ok(Some(value.into()))
    }

    pub(super) fn remove(&self) -> io::Result<()> {
        if self.look()?.is_none() {
            return Ok(());
        }
        match self.root.dir.remove_file(&self.path) {
            Err(error) => absent(error).map(|_: Option<()>| ()),
            Ok(()) => self.forget(),
        }
    }

    /// After the file was removed: removes its empty folders too, and syncs the disk.
    pub(super) fn forget(&self) -> io::Result<()> {
        let left = self.root.remove_empty_parents(&self.path);
        self.root.sync_parents(left)
    }

    /// Makes the unfinished file at `from` the value, and syncs that to the disk.
    pub(super) fn finish(&self, from: &str) -> io::Result<()> {
        self.receive(from)?;
        self.root.sync_parents(&self.path)
    }

    /// Moves the file at `from` here, in one step.
    pub(super) fn receive(&self, from: &str) -> io::Result<()> {
        let received = self.try_receive(from);
        if received.is_err() {
            self.root.remove_empty_parents(&self.path);
        }
        received
    }

    fn try_receive(&self, from: &str) -> io::Result<()> {
        let dir = &self.root.dir;
        let mut attempts = 0..ATTEMPTS;
        loop {
            self.check_free()?;
            let error = match dir.rename(from, dir, &self.path) {
                Ok(()) => return Ok(()),
                Err(error) => error,
            };
            match error.kind() {
                ErrorKind::NotFound if attempts.next().is_some() => {
                    // Check that the file itself is not missing.
                    dir.symlink_metadata(from)?;
                    // A concurrent delete may remove a folder before there is a file in it.
                    self.root.create_parents(&self.path)?;
                }
                _ => return Err(error),
            }
        }
    }

    /// Refuses what must not be replaced: links that point outside, and anything that is not a file.
    fn check_free(&self) -> io::Result<()> {
        match self.root.dir.metadata(&self.path) {
            Ok(metadata) if metadata.is_file() => Ok(()),
            Ok(metadata) if metadata.is_dir() => {
                // An empty folder that a crash left may be removed.
                let is_removed = self.key_space != KeySpace::Standard
                    && self.root.dir.remove_dir(&self.path).is_ok();
                if is_removed { Ok(()) } else { Err(ErrorKind::IsADirectory.into()) }
            }
            Ok(_) => Err(io::Error::new(ErrorKind::InvalidInput, NoFile)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        }
    }
}

/// Turns an error about a missing file into `None`.
fn absent<T>(error: io::Error) -> io::Result<Option<T>> {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => Ok(None),
        _ => Err(error),
    }
}
