//! Copies and moves between the files of two keys.

use std::io::{self, ErrorKind};

use cap_std::fs::Metadata;
#[cfg(unix)]
use cap_std::fs::MetadataExt as _;

use super::place::Place;
use super::temporary::Temporary;

impl Place {
    /// Copies the value; returns whether there was one.
    pub(super) fn copy_to(&self, to: &Self) -> io::Result<bool> {
        if self.path() == to.path() {
            return Ok(self.look()?.is_some());
        }
        let Some((mut file, _)) = self.open()? else { return Ok(false) };
        let mut temporary = Temporary::create(self.root())?;
        temporary.copy_from(&mut file)?;
        temporary.persist(to)?;
        Ok(true)
    }

    /// Moves the value; returns whether there was one.
    pub(super) fn rename_to(&self, to: &Self) -> io::Result<bool> {
        let Some(source) = self.look()? else { return Ok(false) };
        if self.path() == to.path() {
            return Ok(true);
        }
        // In another folder, a link may point elsewhere: its value is moved, not the link.
        if self.root().dir.symlink_metadata(self.path())?.is_symlink() {
            let copied = self.copy_to(to)?;
            self.remove()?;
            return Ok(copied);
        }
        // If one name of a file is moved onto another name of the same file, both remain.
        if to.look()?.is_some_and(|destination| is_same(&source, &destination)) {
            self.remove()?;
            return Ok(true);
        }
        match to.receive(self.path()) {
            // The file existed, but a concurrent change removed it.
            Err(error) if error.kind() == ErrorKind::NotFound && self.look()?.is_none() => {
                return Ok(false);
            }
            received => received?,
        }
        self.root().sync_parents(to.path())?;
        self.forget()?;
        Ok(true)
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// On such systems the standard library cannot tell.
#[cfg(not(unix))]
fn is_same(_one: &Metadata, _other: &Metadata) -> bool {
    false
}
