//! Files that values are written into.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use tempfile::TempPath;

use crate::error::Error;

/// How many links one after another are followed: as many as Linux follows.
const MOST_LINKS: usize = 40;

/// A file that is being written and will replace another.
pub(super) struct Target {
    pub(super) file: File,
    /// Where it is until then; it vanishes if it is not moved.
    pub(super) temporary: TempPath,
    /// Where it is to be.
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

/// Where the links at `path` lead, whether or not there is something.
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
    // As any new file: the process's umask applies. One that replaces another is the owner's alone, as
    // by default, until it has the other's permissions.
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
    let message = "get_file: what is at the path is no file, and is not replaced; `get_into` writes \
                   into a pipe or a device that was opened";
    Error::new(crate::ErrorKind::Store, message)
}
