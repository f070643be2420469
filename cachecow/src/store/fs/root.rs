//! The root folder, which no path can leave.

use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use cap_std::ambient_authority;
use cap_std::fs::Dir;

use crate::error::Error;

/// The folder of unfinished files below the root: no key's name is `%` and a letter.
pub(super) const UNFINISHED: &str = "%tmp";

/// The root folder, which no path can leave: every path is opened beneath it.
#[derive(Debug)]
pub(super) struct Root {
    pub(super) dir: Dir,
    location: PathBuf,
}

impl Root {
    pub(super) fn open(path: &Path, create: bool) -> io::Result<Self> {
        if create {
            std::fs::create_dir_all(path)?;
        }
        let location = path.canonicalize()?;
        let dir = Dir::open_ambient_dir(&location, ambient_authority())?;
        Ok(Self { dir, location })
    }

    /// Where the folder was when it was opened.
    pub(super) fn location(&self) -> &Path {
        &self.location
    }

    /// The location for an address after `file://`, not yet percent-encoded.
    pub(super) fn absolute_path(&self) -> Vec<u8> {
        let path = self.location.as_os_str().as_encoded_bytes();
        if cfg!(windows) {
            // `C:\folder`, or `\\?\C:\folder` from `canonicalize`.
            let path = String::from_utf8_lossy(path).replace('\\', "/");
            return format!("/{}", path.trim_start_matches("//?/")).into_bytes();
        }
        // The file system's root is `/`; the caller adds a slash.
        path.strip_suffix(b"/").unwrap_or(path).to_owned()
    }

    /// Creates the folders of the path. It is not an error if one exists, or is removed meanwhile:
    /// the next operation will notice.
    pub(super) fn create_parents(&self, path: &str) -> io::Result<()> {
        for (at, _) in path.match_indices('/') {
            match self.dir.create_dir(&path[..at]) {
                Err(error)
                    if !matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::NotFound) =>
                {
                    return Err(error);
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes the folders of the path as long as they are empty; returns the rest of the path.
    pub(super) fn remove_empty_parents<'a>(&self, path: &'a str) -> &'a str {
        let mut left = path;
        while let Some((folder, _)) = left.rsplit_once('/') {
            let removed = self.dir.remove_dir(folder);
            if removed.is_err_and(|error| error.kind() != ErrorKind::NotFound) {
                break;
            }
            left = folder;
        }
        left
    }

    /// Syncs the entries of all folders of the path to the disk: another writer may have created
    /// one, and not synced it yet.
    pub(super) fn sync_parents(&self, path: &str) -> io::Result<()> {
        let mut left = path;
        while let Some((folder, _)) = left.rsplit_once('/') {
            match self.sync(folder) {
                // Someone has deleted the value since, and its folder.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                result => result?,
            }
            left = folder;
        }
        self.sync(".")
    }

    #[cfg(unix)]
    fn sync(&self, folder: &str) -> io::Result<()> {
        self.dir.open(folder)?.sync_all()
    }

    /// On such systems folders cannot be opened as files, and the file system syncs their entries.
    #[cfg(not(unix))]
    fn sync(&self, _folder: &str) -> io::Result<()> {
        Ok(())
    }
}

/// Converts an error of the file system to one of the store.
pub(super) fn fault(operation: &'static str, error: io::Error) -> Error {
    let why = match error.kind() {
        ErrorKind::IsADirectory | ErrorKind::NotADirectory => {
            "a file would also have to be a folder, as with the keys `a` and `a/b`; delete or rename \
             one of them"
        }
        _ if error.get_ref().and_then(|error| error.downcast_ref::<NoFile>()).is_some() => {
            "something with the key's name is not a file"
        }
        _ => return Error::store(operation, error),
    };
    Error::caused_by(crate::ErrorKind::Store, format!("{operation}: {why}"), error)
}

/// The error for a key's name that is neither a file nor a folder.
#[derive(Debug)]
pub(super) struct NoFile;

impl std::fmt::Display for NoFile {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a socket, pipe or device")
    }
}

impl std::error::Error for NoFile {}
