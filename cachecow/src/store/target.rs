//! Files that values are written into.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::error::Error;

/// The longest chain of links that is followed, as on Linux.
const MOST_LINKS: usize = 40;

/// A file that is being written and will replace another.
pub(super) struct Target {
    pub(super) file: File,
    /// The temporary path; the file is removed if it is not moved.
    pub(super) temporary: TempPath,
    /// The final path.
    pub(super) path: PathBuf,
}

/// A temporary file beside the one at `path`, with its permissions if there is one.
pub(super) fn open(path: PathBuf) -> Result<Target, Error> {
    let failed = |error| Error::store("get_file", error);
    let path = followed(path).map_err(failed)?;
    let permissions = match fs::metadata(&path) {
        Ok(metadata) if metadata.is_file() => Some(metadata.permissions()),
        Ok(_) => return Err(no_file()),
        Err(error) if error.kind() == ErrorKind::NotFound => None,
        Err(error) => return Err(failed(error)),
    };
    let (file, temporary) = beside(&path, permissions).map_err(failed)?;
    Ok(Target { file, temporary, path })
}

/// The target of the links at `path`, whether or not it exists.
fn followed(mut path: PathBuf) -> io::Result<PathBuf> {
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                let led_to = fs::read_link(&path)?;
                path.pop();
                path.push(led_to);
            }
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => return Ok(path),
        }
    }
    Err(io::Error::other("too many symbolic links, one leading to the other"))
}

fn beside(path: &Path, permissions: Option<Permissions>) -> io::Result<(File, TempPath)> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let mut builder = tempfile::Builder::new();
    // For a new file the process's umask applies. A file that replaces another is accessible only to its owner (the
    // default), until it gets the other file's permissions.
    #[cfg(unix)]
    if permissions.is_none() {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    let builder = builder.prefix(".").suffix(".part");
    let file = builder.tempfile_in(folder.unwrap_or(Path::new(".")))?;
    if let Some(permissions) = permissions {
        file.as_file().set_permissions(permissions)?;
    }
    Ok(file.into_parts())
}

fn no_file() -> Error {
    let message = "get_file: the path is not a file, and was not replaced; use `get_into` to write into \
        an opened pipe or device";
    Error::new(crate::ErrorKind::Store, message)
}
